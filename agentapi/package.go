package agentapi

import "time"

// The methods about packages and their updates.
var (
	PkgList = Define[PkgListArgs, PkgListResult](Spec{
		Name: "pkg.list", Permission: "pkg.read", Class: Read, Timeout: 30 * time.Second,
		Help:  "Lists installed packages and their versions.",
		Words: []string{"packages", "installed packages", "package list", "list packages", "which version of", "package version", "dpkg"},
		Sayings: []Saying{
			{Words: []string{"held packages"}, Args: map[string]any{"held": true}},
		},
	})
	PkgRefresh = Define[NoArgs, PkgRefreshResult](Spec{
		Name: "pkg.refresh", Permission: "pkg.refresh", Class: Write, Lane: LanePackages, Timeout: 10 * time.Minute, Job: true,
		Privilege: "helper that runs apt-get update",
		Help:      "Fetches the package lists anew.",
		Words:     []string{"refresh packages", "refresh package lists", "apt update", "apt-get update", "update package lists", "refresh the package lists"},
	})
	PatchList = Define[PatchListArgs, PatchListResult](Spec{
		Name: "patch.list", Permission: "patch.read", Class: Read, Timeout: time.Minute,
		Help: "Lists the updates that wait to be installed.",
		Words: []string{"patches", "pending patches", "pending updates", "available updates", "updates", "upgrades", "list updates",
			"outdated packages", "upgradable packages"},
		Sayings: []Saying{
			{Words: []string{"security updates", "security patches", "pending security updates"}, Args: map[string]any{"security_only": true}},
		},
	})
	PatchApply = Define[PatchApplyArgs, PatchApplyResult](Spec{
		Name: "patch.apply", Permission: "patch.apply", Class: Disrupt, Lane: LanePackages, Timeout: time.Hour, Job: true,
		Privilege: "helper that runs apt-get with old configuration files kept",
		Help:      "Installs waiting updates, security ones unless told otherwise.",
		Words:     []string{"patch", "apply patches", "apply updates", "install updates", "upgrade", "apply security updates", "install patches"},
		Sayings: []Saying{
			{Words: []string{"apply all updates", "apply all pending updates", "install all updates", "upgrade everything"}, Args: map[string]any{"security_only": false}},
		},
	})
)

func packageMethods() []Spec {
	return []Spec{PkgList.Spec, PkgRefresh.Spec, PatchList.Spec, PatchApply.Spec}
}

type PkgListArgs struct {
	Name  string `rpc:"name,omitempty" validate:"omitempty,glob" words:"package,named,of"`
	Held  *bool  `rpc:"held,omitempty" words:"held" help:"only those held back, or only those not"`
	Limit int32  `rpc:"limit,omitempty" validate:"min=1,max=1000" default:"100" words:"limit,first"`
	Next  string `rpc:"next,omitempty" validate:"max=128"`
}

type PkgListResult struct {
	Common
	Page
	Packages []Package `rpc:"packages"`
}

type Package struct {
	Name        string    `rpc:"name" words:"package,name"`
	Version     string    `rpc:"version" words:"version"`
	Arch        string    `rpc:"arch" words:"architecture"`
	Status      string    `rpc:"status" words:"status"`
	Held        bool      `rpc:"held,omitempty" words:"held"`
	InstalledAt time.Time `rpc:"installed_at,omitempty" words:"installed" most:"newest" least:"oldest"`
}

type PkgRefreshResult struct {
	Common
	ListsAt time.Time `rpc:"lists_at,omitempty"`
	Errors  []string  `rpc:"errors,omitempty"`
	Job     string    `rpc:"job,omitempty"`
}

type PatchListArgs struct {
	SecurityOnly bool   `rpc:"security_only,omitempty" words:"security,security only,security updates only"`
	Limit        int32  `rpc:"limit,omitempty" validate:"min=1,max=1000" default:"100" words:"limit,first"`
	Next         string `rpc:"next,omitempty" validate:"max=128"`
}

type PatchListResult struct {
	Common
	Page
	Upgrades          []Upgrade `rpc:"upgrades"`
	Count             int32     `rpc:"count" words:"updates,pending updates,count" most:"most outdated" agg:"sum,max"`
	SecurityCount     int32     `rpc:"security_count" words:"security updates,security count" agg:"sum,max"`
	HeldCount         int32     `rpc:"held_count" words:"held" agg:"sum"`
	OldestPendingDays *int32    `rpc:"oldest_pending_days,omitempty" words:"oldest pending" agg:"max"`
	ListsAt           time.Time `rpc:"lists_at,omitempty"`
	ListsAgeSeconds   float64   `rpc:"lists_age_seconds" words:"age of the lists" agg:"max"`
	RebootRequired    bool      `rpc:"reboot_required"`
	ServicesToRestart []string  `rpc:"services_to_restart,omitempty"`
}

type Upgrade struct {
	Name      string   `rpc:"name" words:"package,name"`
	From      string   `rpc:"from" words:"from"`
	To        string   `rpc:"to" words:"to"`
	Security  bool     `rpc:"security,omitempty" words:"security"`
	Origin    string   `rpc:"origin,omitempty" words:"origin"`
	SizeBytes *float64 `rpc:"size_bytes,omitempty" words:"size"`
}

type PatchApplyArgs struct {
	Names         []string `rpc:"names,omitempty" validate:"max=200,dive,id" words:"packages,package" help:"only these packages"`
	SecurityOnly  *bool    `rpc:"security_only,omitempty" default:"true" words:"security only"`
	HoldConfig    string   `rpc:"hold_config,omitempty" validate:"oneof=old" default:"old" help:"which configuration files win"`
	WindowSeconds int32    `rpc:"window_seconds,omitempty" validate:"omitempty,dur" words:"within" help:"begin nothing new after this"`
}

type PatchApplyResult struct {
	Common
	Upgraded       []string `rpc:"upgraded,omitempty"`
	Failed         []string `rpc:"failed,omitempty"`
	RebootRequired bool     `rpc:"reboot_required"`
	Log            string   `rpc:"log,omitempty"`
	Job            string   `rpc:"job,omitempty"`
}
