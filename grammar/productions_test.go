package grammar

import (
	"reflect"
	"slices"
	"strings"
	"testing"
)

// A productionCase is a line that a production reads, and one that looks like
// it and must not be read so.
type productionCase struct{ line, miss string }

// productionCases hold one case for each alternative of the grammar, by its
// name in syntax.go. A miss is not read as the line is: it is refused, or means
// something else.
var productionCases = map[string]productionCase{
	"part.Time":   {"restart nginx on web01 at 3am", "restart nginx on web01 at 3xm"},
	"part.Cond":   {"hosts with load over 4", "hosts with load ovre 4 5"},
	"part.Span":   {"drain web01 for 2 hours", "drain web01 for 2 horses"},
	"part.Limit":  {"top 3 processes on web01", "top x3x processes on web01"},
	"part.Sort":   {"processes on web01 by memory", "processes on web01 by colour"},
	"part.Target": {"disk on web01", "disk on web0l"},
	"part.Names":  {"restart nginx on web01", "restart nginy on web01"},
	"part.Other":  {"restart nginx on web01", "rstrt nginx on web01"},

	"duration.Glued": {"drain web01 for 90m", "drain web01 for 90q"},
	"duration.Half":  {"drain web01 for half an hour", "drain web01 for half an owl"},
	"duration.Count": {"drain web01 for 90 minutes", "drain web01 for ninetyone minutes"},
	"duration.More":  {"drain web01 for 1 hour and 30 minutes", "drain web01 for 30 minutes and 1 hour"},
	"halfUnit.Of":    {"drain web01 for a quarter of an hour", "drain web01 for a fifth of an hour"},
	"halfUnit.Unit":  {"drain web01 for half a day", "drain web01 for half a dozen"},
	"counted.Num":    {"drain web01 for three days", "drain web01 for tree days"},
	"counted.Plus":   {"drain web01 for 2 and a half hours", "drain web01 for 2 and a hole hours"},
	"counted.Unit":   {"drain web01 for 3 weeks", "drain web01 for 3 weaks"},
	"counted.Tail":   {"drain web01 for an hour and a half", "drain web01 for an hour and a calf"},

	"clock.Clock":     {"restart nginx on web01 at 15:30", "restart nginx on web01 at 15:99"},
	"clock.Hour":      {"restart nginx on web01 at 3 pm", "restart nginx on web01 at 13 pm"},
	"clock.Part":      {"restart nginx on web01 at 8:30 in the evening", "restart nginx on web01 at 8:30 in the oven"},
	"clockAM.Num":     {"restart nginx on web01 at 3 pm", "restart nginx on web01 at 0 pm"},
	"clockAM.Mer":     {"restart nginx on web01 at 3 am", "restart nginx on web01 at 3 zm"},
	"bareClock.Clock": {"restart nginx on web01 at 15:00", "restart nginx on web01 at 25:00"},
	"bareClock.Num":   {"restart nginx on web01 at 15", "restart nginx on web01 at 15.5"},

	"instant.Stamp":  {"restart nginx on web01 on 2026-11-22 at 10:00", "restart nginx on web01 on 2026-13-22 at 10:00"},
	"instant.Ago":    {"nginx errors on web01 since 2 hours ago", "nginx errors on web01 since 2 hours gone"},
	"instant.Day":    {"restart nginx on web01 on monday at 8am", "restart nginx on web01 on moonday at 8am"},
	"instant.Clock":  {"nginx errors on web01 since 9:30", "nginx errors on web01 since 9:300"},
	"stamp.Date":     {"nginx errors on web01 since 2026-11-19", "nginx errors on web01 since 2026-11-39"},
	"stamp.Clock":    {"restart nginx on web01 on 2026-11-22 at 10", "restart nginx on web01 on 2026-11-22 at 30"},
	"stamp.Plain":    {"restart nginx on web01 on 2026-11-22 10:00", "restart nginx on web01 on 2026-11-22 10:99"},
	"dayTime.Day":    {"restart nginx on web01 tomorrow at 8am", "restart nginx on web01 yesterday at 8am"},
	"dayTime.Part":   {"restart nginx on web01 tomorrow morning at 8", "restart nginx on web01 tomorrow mourning at 8"},
	"dayTime.Clock":  {"restart nginx on web01 tomorrow at 8", "restart nginx on web01 tomorrow at 80"},
	"dayTime.Plain":  {"restart nginx on web01 tomorrow 8am", "restart nginx on web01 tomorrow 8xm"},
	"clockDay.Clock": {"restart nginx on web01 8am tomorrow", "restart nginx on web01 8am tomorow-ish"},
	"clockDay.Day":   {"restart nginx on web01 8am tomorrow", "restart nginx on web01 8am someday"},
	"clockDay.Part":  {"restart nginx on web01 8:00 tomorrow evening", "restart nginx on web01 8:00 tomorrow event"},
	"atClock.Clock":  {"restart nginx on web01 at 8am", "restart nginx on web01 at ham"},
	"atClock.Day":    {"restart nginx on web01 at 8am on monday", "restart nginx on web01 at 8am on mars"},
	"atClock.Part":   {"restart nginx on web01 at 8 tomorrow evening", "restart nginx on web01 at 8 tomorrow even"},

	"timePart.Every":   {"run http on web01 every 5 minutes", "run http on web01 evry5 minutes"},
	"timePart.Last":    {"nginx errors on web01 in the last hour", "nginx errors on web01 in the golden hour"},
	"timePart.In":      {"restart nginx on web01 in 5 minutes", "restart nginx on web01 in 5 minuets"},
	"timePart.Between": {"log of nginx on web01 between 8 and 9", "log of nginx on web01 between 8 and"},
	"timePart.Since":   {"log of nginx on web01 since 9", "log of nginx on web01 since zebra"},
	"timePart.Until":   {"drain web01 until 6pm", "drain web01 until 6zm"},
	"timePart.Before":  {"log of nginx on web01 before 9am", "log of nginx on web01 before nine-ish"},
	"timePart.At":      {"restart nginx on web01 at noon", "restart nginx on web01 at moon"},
	"timePart.On":      {"restart nginx on web01 tomorrow 9am", "restart nginx on web01 tomorrrow 9am"},
	"moment.Instant":   {"log of nginx on web01 since yesterday", "log of nginx on web01 since yesteryear"},
	"moment.At":        {"log of nginx on web01 since at 9", "log of nginx on web01 since at"},
	"moment.Clock":     {"drain web01 until 18", "drain web01 until 180"},
	"every.Often":      {"run http on web01 hourly", "run http on web01 hourishly"},
	"every.Dur":        {"run http on web01 every 2 hours", "run http on web01 every 2 lightyears"},
	"every.Unit":       {"run http on web01 every minute", "run http on web01 every waltz"},
	"lastSpan.Lead":    {"nginx errors on web01 over the last 2 hours", "nginx errors on web01 oxer the last 2 hours"},
	"lastSpan.Dur":     {"nginx errors on web01 last 2 hours", "nginx errors on web01 last 2 hairs"},
	"lastSpan.Unit":    {"nginx errors on web01 last hour", "nginx errors on web01 last hoof"},
	"between.Day":      {"log of nginx on web01 yesterday between 8:00 and 9:00", "log of nginx on web01 yesterday between 8:00"},
	"between.From":     {"log of nginx on web01 from 8:00 to 9:00", "log of nginx on web01 from 8:00 fro 9:00"},
	"between.To":       {"log of nginx on web01 between 8:00 and 9:00", "log of nginx on web01 between 8:00 and 99:00"},
	"between.On":       {"log of nginx on web01 between 8 and 9 yesterday", "log of nginx on web01 between 8 and 9 zesterday"},
	"spanPart.Lead":    {"silence web01 for 2 hours", "silence web01 four 2 hours"},
	"spanPart.Dur":     {"silence web01 2 hours", "silence web01 2 whole"},

	"condition.Pre":    {"hosts with load over 4", "hosts with lode over 4 4"},
	"condition.Not":    {"hosts with load not over 4", "hosts with load knot over 4"},
	"condition.Op":     {"hosts with more than 90% cpu", "hosts with moar then 90% cpu x"},
	"condition.Value":  {"hosts with load over 4", "hosts with load over"},
	"condition.OrMore": {"hosts with load = 4 or more", "hosts with load = 4 or moar"},
	"condition.Low":    {"hosts with load between 2 and 4", "hosts with load between 2 an 4"},
	"condition.High":   {"hosts with load between 2 and 4", "hosts with load between 2 and"},
	"condition.Bare":   {"hosts with load 4 or more", "hosts with load 4 or"},
	"condition.BareOp": {"disks 90% or more full on web01", "disks 90% or moar full on web01"},
	"condition.Post":   {"hosts with less than 10% disk free", "hosts with less than 10% free of charge"},
	"value.Pct":        {"hosts with over 90% cpu", "hosts with over 90€ cpu"},
	"value.Percent":    {"hosts with over 90 percent cpu", "hosts with over 90 parsnips cpu"},
	"value.Size":       {"hosts with under 2G memory available", "hosts with under 2Q memory available"},
	"value.Sized":      {"hosts with under 2 GB memory available", "hosts with under 2 QB memory available"},
	"value.Dur":        {"backups older than 2 days", "backups older than 2 dinosaurs"},
	"value.Unit":       {"anything rebooted in the last hour", "anything rebooted in the last hoot"},
	"value.Plain":      {"hosts with load over 4", "hosts with load over fore"},
	"sized.Num":        {"hosts with under 500 MB memory free", "hosts with under five00 MB memory free"},
	"sized.Unit":       {"hosts with under 500 MB memory free", "hosts with under 500 MBq memory free"},

	"limitPart.Word":  {"top 3 processes on web01", "tops3 processes on web01"},
	"limitPart.Num":   {"last 20 lines of nginx on web01", "last minus lines of nginx on web01"},
	"sortPart.By":     {"hosts by load", "hosts by lode"},
	"sortPart.Super":  {"which host has the most memory used", "which host has the mostly memory used"},
	"sortPart.Dir":    {"load of the web servers, highest first", "load of the web servers, highest wins"},
	"sortBy.Terms":    {"processes on web01 sorted by memory", "processes on web01 sorted by melody"},
	"sortBy.Dir":      {"hosts by load, lowest first", "hosts by load, lowest wins"},
	"sortSuper.Super": {"which host has the highest load", "which host has the hightest-ish load"},
	"sortSuper.Terms": {"which host has the most memory used", "which host has the most mammary used"},

	"target.Prep":     {"disk on web01", "disk onn web01"},
	"target.Second":   {"disk from on web01", "disk from onn web01"},
	"target.First":    {"ping web01", "ping web0one"},
	"target.Rest":     {"restart nginx on web01 and web02", "restart nginx on web01 and wbe02"},
	"target.But":      {"restart nginx on web* except web03", "restart nginx on web* excpt web03"},
	"target.AllBut":   {"ping everything but the databases", "ping everything but the datablobs"},
	"joined.Join":     {"restart nginx on web01, web02", "restart nginx on web01 xor web02"},
	"joined.Prep":     {"restart nginx on web01 and on web02", "restart nginx on web01 and onto-ish web02"},
	"joined.Term":     {"restart nginx on web01 and web02", "restart nginx on web01 and"},
	"except.Comma":    {"restart nginx on web*, except web03", "restart nginx on web*; except web03"},
	"except.Term":     {"restart nginx on web* except web03", "restart nginx on web* except"},
	"except.More":     {"restart nginx on web* except web03 and web04", "restart nginx on web* except web03 and wbe04"},
	"hostTerm.Lead":   {"restart nginx on all web servers", "restart nginx on al web servers"},
	"hostTerm.Range":  {"restart nginx on web01 to web03", "restart nginx on web03 to web01"},
	"hostTerm.Bits":   {"restart nginx on the prod web servers", "restart nginx on the prood web servers"},
	"hostTerm.Noun":   {"list the hosts in nyc", "list the hoists in nyc"},
	"hostTerm.Pron":   {"ping them", "ping those gnomes"},
	"hostTerm.Served": {"disk on the nginx hosts", "disk on the nginks hosts"},
	"hostTerm.Narrow": {"hosts in nyc", "hosts in nxc"},
	"hostSpan.From":   {"disk on web01 to web03", "disk on wab01 to web03"},
	"hostSpan.To":     {"disk on web01 to web03", "disk on web01 to db03"},
	"served.Name":     {"disk on the nginx hosts", "disk on the nogginx hosts"},
	"served.Noun":     {"disk on the nginx boxes", "disk on the nginx teapots"},
	"narrow.Lead":     {"hosts that are in nyc", "hosts zhut are in nyc"},
	"narrow.Not":      {"web servers that are not in nyc", "web servers that are knot in nyc"},
	"narrow.Bits":     {"disk on web servers in nyc", "disk on web servers in nycc"},
	"narrow.Non":      {"hosts not in nyc", "hosts far from nyc"},
	"narrow.Out":      {"hosts not in nyc", "hosts not in nxc"},
	"narrow.Does":     {"hosts that do not run nginx", "hosts that do knot run nginx"},
	"narrow.Has":      {"hosts that do not run nginx", "hosts that do not ran nginx"},
	"narrow.Owns":     {"hosts that have nginx", "hosts zhut have nginx"},
	"narrow.No":       {"hosts without nginx", "hosts despite nginx"},
	"narrow.Lack":     {"hosts without nginx", "hosts without ngonx"},
	"narrow.With":     {"hosts running nginx", "hosts running ngonx"},
	"names.First":     {"restart nginx on web01", "restart ngimx on web01"},
	"names.Rest":      {"restart postfix and dovecot on mail", "restart postfix and dovecat on mail"},
	"nameMore.Join":   {"restart postfix, dovecot on mail", "restart postfix dovecot on mail"},
	"nameMore.Name":   {"restart postfix and dovecot on mail", "restart postfix and on mail"},
	"clause.Parts":    {"ping web01", "gong on web01"},
}

// productions lists the alternatives of the grammar: Type.Field for everything
// that captures.
func productions() []string {
	var out []string
	seen := map[reflect.Type]bool{}
	var walk func(t reflect.Type)
	walk = func(t reflect.Type) {
		for t.Kind() == reflect.Pointer || t.Kind() == reflect.Slice {
			t = t.Elem()
		}
		if t.Kind() != reflect.Struct || t == reflect.TypeFor[ref]() || seen[t] {
			return
		}
		seen[t] = true
		for i := range t.NumField() {
			if f := t.Field(i); f.Tag.Get("parser") != "" {
				out = append(out, t.Name()+"."+f.Name)
				walk(f.Type)
			}
		}
	}
	walk(reflect.TypeFor[clause]())
	slices.Sort(out)
	return out
}

// captured adds the alternatives that a parse holds.
func captured(v reflect.Value, into map[string]bool) {
	switch v.Kind() {
	case reflect.Pointer:
		if !v.IsNil() {
			captured(v.Elem(), into)
		}
	case reflect.Slice:
		for i := range v.Len() {
			captured(v.Index(i), into)
		}
	case reflect.Struct:
		if v.Type() == reflect.TypeFor[ref]() {
			return
		}
		for i := range v.NumField() {
			f := v.Type().Field(i)
			if f.Tag.Get("parser") == "" || v.Field(i).IsZero() || v.Field(i).Kind() == reflect.Slice && v.Field(i).Len() == 0 {
				continue
			}
			into[v.Type().Name()+"."+f.Name] = true
			captured(v.Field(i), into)
		}
	}
}

// TestProductions: every alternative of the grammar has a line that is read
// through it, and one that looks like it and is not read so.
func TestProductions(t *testing.T) {
	lx := testLexicon(t)
	now := lx.Inventory().Now
	before := []Reading{lx.Parse(nil, "list the web servers", now)}
	all := productions()
	for name := range productionCases {
		if !slices.Contains(all, name) {
			t.Errorf("%s is no alternative of the grammar", name)
		}
	}
	for _, name := range all {
		c, ok := productionCases[name]
		if !ok {
			t.Errorf("%s has no case", name)
			continue
		}
		r := lx.Parse(before, c.line, now)
		if r.Status != OK {
			t.Errorf("%s: %q is %s", name, c.line, r.Status)
			continue
		}
		found := map[string]bool{}
		v := lx.byName[r.Commands[0].Method]
		la := lx.lattice(scan(normalise(c.line)), false)
		for _, short := range []bool{false, true} {
			la.short = short
			streams, _ := lx.streams(la, v, inflected{}, 0, len(la.words))
			for _, s := range streams {
				cl, err := lx.parse(s)
				if err != nil {
					t.Fatal(err)
				}
				captured(reflect.ValueOf(cl), found)
			}
		}
		if !found[name] {
			t.Errorf("%s: %q is read without it", name, c.line)
		}
		if miss := lx.Parse(before, c.miss, now); miss.Status == OK && miss.Canonical == r.Canonical {
			t.Errorf("%s: %q is read like %q: %s", name, c.miss, c.line, strings.TrimSpace(r.Canonical))
		}
	}
}
