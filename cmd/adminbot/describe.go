package main

import (
	"fmt"
	"strings"
	"text/tabwriter"

	"adminbot/agentapi"
)

// methodHelp finds "rpc --help METHOD" in either order.
func methodHelp(args []string) (method string, ok bool) {
	if args[0] != "rpc" {
		return "", false
	}
	for _, arg := range args[1:] {
		switch {
		case arg == "--help" || arg == "-h":
			ok = true
		case method == "" && !strings.HasPrefix(arg, "-"):
			method = arg
		}
	}
	return method, ok && method != ""
}

// describeMethod prints what the method table knows of a method.
func describeMethod(std streams, name string) int {
	spec, found := agentapi.Lookup(name)
	if !found {
		fmt.Fprintf(std.err, "adminbot: no method %q%s\nhint: adminbot rpc --list\n", name, nearest(name))
		return exitUsage
	}
	d := spec.Describe()
	fmt.Fprintf(std.out, "%s\n%s\n\nclass %s, permission %s, at most %d s", d.Name, d.Help, className(spec.Class), d.Permission, d.TimeoutSeconds)
	if !d.Built {
		fmt.Fprint(std.out, ", not built yet (fault 501)")
	}
	fmt.Fprintln(std.out)
	w := tabwriter.NewWriter(std.out, 0, 0, 2, ' ', 0)
	if len(d.Args) > 0 {
		fmt.Fprintln(w, "\narguments")
		for _, f := range d.Args {
			fmt.Fprintf(w, "  %s\t%s\t%s\n", f.Name, typeOf(f), conditions(f))
		}
	}
	fmt.Fprintln(w, "\nresult")
	describeResult(w, d.Result, "  ")
	if err := w.Flush(); err != nil {
		return exitFailed
	}
	return exitOK
}

func describeResult(w *tabwriter.Writer, fields []agentapi.FieldDescription, indent string) {
	for _, f := range fields {
		name := f.Name
		if name == "" {
			name = "(all)"
		}
		fmt.Fprintf(w, "%s%s\t%s\t%s\n", indent, name, typeOf(f), f.Help)
		describeResult(w, f.Fields, indent+"  ")
	}
}

func className(c agentapi.Class) string {
	names := map[agentapi.Class]string{
		agentapi.Read: "R (read)", agentapi.Sensitive: "S (sensitive read)", agentapi.Write: "W (reversible change)",
		agentapi.Disrupt: "D (disruptive)", agentapi.Admin: "A (agent administration)",
	}
	return names[c]
}

func typeOf(f agentapi.FieldDescription) string {
	t := f.Type
	if f.Elem != "" {
		t += " of " + f.Elem
	}
	if f.Unit != "" {
		t += ", " + f.Unit
	}
	return t
}

func conditions(f agentapi.FieldDescription) string {
	var parts []string
	if f.Required {
		parts = append(parts, "needed")
	}
	if f.Default != "" {
		parts = append(parts, "default "+f.Default)
	}
	if f.Min != nil && f.Max != nil {
		parts = append(parts, fmt.Sprintf("%g to %g", *f.Min, *f.Max))
	}
	if len(f.Enum) > 0 {
		parts = append(parts, strings.Join(f.Enum, "|"))
	}
	if f.Help != "" {
		parts = append(parts, f.Help)
	}
	return strings.Join(parts, "; ")
}
