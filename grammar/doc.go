// Package grammar reads chat lines of administrators as plans: "restart nginx
// on the sad web servers" becomes a [Command] with a method, arguments and host
// names. It connects nowhere and runs nothing; inventory, vocabulary and the
// clock are arguments.
//
// A caller describes what can be said as a list of [Verb], in Go or as text
// for [ReadVocabulary], and what there is to talk about as an [Inventory]. [Compile]
// makes a [Lexicon] of both, once for each snapshot of the inventory. Then
// [Lexicon.Parse] reads lines, each in the light of the readings before it, and
// answers with a [Reading]: one plan to run, several to choose from, a question
// for the missing part, or nothing to do. [Lexicon.Explain] tells how a line was
// read. [Selector] is a selection of hosts by itself, also for programs:
// [ParseSelector] reads its text form.
//
// # How a line is read
//
// The keyboard normaliser makes typographic marks plain and notes what makes a
// line untrustworthy (normalise.go). The lexer finds in it, by longest match,
// the phrases of closed word classes (english.txt), of the verbs and of the
// inventory (names.txt has what people call its names); what a word may be is
// decided here, so that a keyword is never a name and a name never a keyword
// (lex.go). For each verb that has a use for
// every word, the readings of the words make a bounded number of token streams;
// participle productions read a stream as phrases in any order (syntax.go,
// dispatch.go); and a binder gives each phrase its place in the verb (bind.go
// and the files beside it). A reading counts only when every word is explained.
// All complete readings are compared as plans: one runs, several ask (parse.go).
// What is not understood is only ever answered with suggestions (suggest.go).
//
// # What never runs
//
// The reader of a write ([Verb.Write]) forgives nothing: no leftover word, no
// misspelling, no letters of look-alike alphabets, no negation, condition,
// question, quotation or take-back. A read may have filler in it, and a
// misspelt ordinary word when one reading remains.
package grammar
