// Package docs holds the pages for administrators that tests configure real
// servers from, so that what they say is true.
package docs

import (
	_ "embed"
	"strings"
)

// The pages.
var (
	//go:embed prosody.md
	Prosody string
	//go:embed ejabberd.md
	Ejabberd string
)

// Block returns the fenced block of a page whose first line is title, without
// that line; it is empty if there is none. A title says in a comment which file
// the block goes to.
func Block(page, title string) string {
	_, after, ok := strings.Cut(page, "\n"+title+"\n")
	if !ok {
		return ""
	}
	block, _, _ := strings.Cut(after, "```")
	return block
}
