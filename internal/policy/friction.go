package policy

import "fmt"

// Need is how much the bot asks of a person before a call runs, in rising
// order.
type Need int

const (
	None    Need = iota // runs at once
	Confirm             // `yes ID`
	Count               // `yes ID COUNT`: the number of hosts, typed
	Second              // `approve ID COUNT` by another person
)

var needNames = [...]string{"none", "confirm", "count", "second"}

func (n Need) String() string {
	if n < 0 || int(n) >= len(needNames) {
		return fmt.Sprintf("Need(%d)", int(n))
	}
	return needNames[n]
}

// Friction is the friction by default of a call of the class (R, S, W, D or
// A) and method to nHosts hosts. anyProd is set when one of the hosts is in
// production (env=prod), all when the person said "*". secondOver is the
// policy's [Policy.SecondOver]. For class A, [Second] means another
// administrator. An unknown class gets the most.
func Friction(class string, nHosts int, anyProd, all bool, method string, secondOver int) Need {
	if class == "R" || class == "S" {
		return None
	}
	if secondOver <= 0 {
		secondOver = DefaultSecondOver
	}
	column := 0
	switch {
	case nHosts > secondOver, all, method == "host.reboot" && nHosts > 1, method == "failover.run":
		column = 2
	case nHosts > 3, anyProd:
		column = 1
	}
	switch class {
	case "W":
		return [...]Need{Confirm, Confirm, Count}[column]
	case "D", "A":
		return [...]Need{Confirm, Count, Second}[column]
	}
	return Second
}

// AskerOnly reports whether the answer to a call of the class goes to the
// asker alone when it was asked for in a room.
func AskerOnly(class string) bool { return class == "S" }
