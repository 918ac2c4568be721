package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"time"

	"adminbot/bot"
	"adminbot/grammar"
)

type parseCmd struct {
	Inventory  string   `type:"existingfile" help:"JSON file with hosts, groups and the like (docs/language.md shows one); its now fixes the clock."`
	Vocabulary []string `type:"existingfile" placeholder:"FILE" help:"A site's own words, as in the bot's configuration; may be repeated."`
	Explain    []string `sep:"none" placeholder:"LINE" help:"Instead of reading lines, show word by word how this one is read. Given more than once: the lines of a conversation, of which the last is explained."`
}

// parseCase is one conversation on a line of JSON.
type parseCase struct {
	ID    string   `json:"id"`
	Turns []string `json:"turns"`
}

// Run reads a line a conversation, of JSON or of plain text, and prints how its
// last turn is read.
func (c parseCmd) Run(std streams) error {
	inv, err := readInventory(c.Inventory)
	if err != nil {
		return exit(exitUsage, err)
	}
	language, err := bot.Language(c.Vocabulary...)
	if err != nil {
		return exit(exitUsage, err)
	}
	lexicon, err := language.Compile(inv)
	if err != nil {
		return err
	}
	now := inv.Now
	if now.IsZero() {
		now = time.Now()
	}
	if n := len(c.Explain); n > 0 {
		if c.Inventory == "" {
			fmt.Fprintln(std.err, "hint: no hosts or services are known here; name them with --inventory FILE (docs/language.md shows one)")
		}
		var before []grammar.Reading
		for _, line := range c.Explain[:n-1] {
			before = append(before, lexicon.Parse(before, line, now))
		}
		return lexicon.Explain(std.out, before, c.Explain[n-1], now)
	}
	lines := bufio.NewScanner(std.in)
	lines.Buffer(nil, 1<<20)
	out := bufio.NewWriter(std.out)
	enc := json.NewEncoder(out)
	enc.SetEscapeHTML(false)
	for n := 1; lines.Scan(); n++ {
		line := bytes.TrimSpace(lines.Bytes())
		if len(line) == 0 {
			continue
		}
		one := parseCase{Turns: []string{string(line)}}
		if line[0] == '{' {
			one = parseCase{}
			if err := json.Unmarshal(line, &one); err != nil {
				return usage("line %d: %w", n, err)
			}
		}
		if err := enc.Encode(readTurns(lexicon, one, now)); err != nil {
			return err
		}
		if err := out.Flush(); err != nil { // a program may wait for each answer
			return err
		}
	}
	return lines.Err()
}

func readTurns(lexicon *grammar.Lexicon, c parseCase, now time.Time) grammar.Reading {
	var before []grammar.Reading
	for _, turn := range c.Turns {
		before = append(before, lexicon.Parse(before, turn, now))
	}
	if len(before) == 0 {
		return grammar.Reading{ID: c.ID, Status: grammar.NotACommand}
	}
	last := before[len(before)-1]
	last.ID = c.ID
	return last
}

func readInventory(path string) (*grammar.Inventory, error) {
	inv := &grammar.Inventory{}
	if path == "" {
		return inv, nil
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("inventory: %w", err)
	}
	if err := json.Unmarshal(data, inv); err != nil {
		return nil, fmt.Errorf("inventory %s: %w", path, err)
	}
	return inv, nil
}
