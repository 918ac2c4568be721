package agentapi

import "time"

// The methods about packages and their updates.
var (
	PkgList = Define[PkgListArgs, PkgListResult](Spec{
		Name: "pkg.list", Permission: "pkg.read", Class: Read, Timeout: 30 * time.Second,
		Help: "Lists installed packages and their versions.",
	})
	PkgRefresh = Define[NoArgs, PkgRefreshResult](Spec{
		Name: "pkg.refresh", Permission: "pkg.refresh", Class: Write, Lane: LanePackages, Timeout: 10 * time.Minute, Job: true,
		Privilege: "helper that runs apt-get update",
		Help:      "Fetches the package lists anew.",
	})
	PatchList = Define[PatchListArgs, PatchListResult](Spec{
		Name: "patch.list", Permission: "patch.read", Class: Read, Timeout: time.Minute,
		Help: "Lists the updates that wait to be installed.",
	})
	PatchApply = Define[PatchApplyArgs, PatchApplyResult](Spec{
		Name: "patch.apply", Permission: "patch.apply", Class: Disrupt, Lane: LanePackages, Timeout: time.Hour, Job: true,
		Privilege: "helper that runs apt-get with old configuration files kept",
		Help:      "Installs waiting updates, security ones unless told otherwise.",
	})
)

func packageMethods() []Spec {
	return []Spec{Spec(PkgList), Spec(PkgRefresh), Spec(PatchList), Spec(PatchApply)}
}

type PkgListArgs struct {
	Name  string `rpc:"name,omitempty" validate:"omitempty,glob"`
	Held  *bool  `rpc:"held,omitempty" help:"only those held back, or only those not"`
	Limit int32  `rpc:"limit,omitempty" validate:"min=1,max=1000" default:"100"`
	Next  string `rpc:"next,omitempty" validate:"max=128"`
}

type PkgListResult struct {
	Common
	Page
	Packages []Package `rpc:"packages"`
}

type Package struct {
	Name        string    `rpc:"name"`
	Version     string    `rpc:"version"`
	Arch        string    `rpc:"arch"`
	Status      string    `rpc:"status"`
	Held        bool      `rpc:"held,omitempty"`
	InstalledAt time.Time `rpc:"installed_at,omitempty"`
}

type PkgRefreshResult struct {
	Common
	ListsAt time.Time `rpc:"lists_at,omitempty"`
	Errors  []string  `rpc:"errors,omitempty"`
	Job     string    `rpc:"job,omitempty"`
}

type PatchListArgs struct {
	SecurityOnly bool   `rpc:"security_only,omitempty"`
	Limit        int32  `rpc:"limit,omitempty" validate:"min=1,max=1000" default:"100"`
	Next         string `rpc:"next,omitempty" validate:"max=128"`
}

type PatchListResult struct {
	Common
	Page
	Upgrades          []Upgrade `rpc:"upgrades"`
	Count             int32     `rpc:"count" agg:"sum,max"`
	SecurityCount     int32     `rpc:"security_count" agg:"sum,max"`
	HeldCount         int32     `rpc:"held_count" agg:"sum"`
	OldestPendingDays *int32    `rpc:"oldest_pending_days,omitempty" agg:"max"`
	ListsAt           time.Time `rpc:"lists_at,omitempty"`
	ListsAgeSeconds   float64   `rpc:"lists_age_seconds" agg:"max"`
	RebootRequired    bool      `rpc:"reboot_required"`
	ServicesToRestart []string  `rpc:"services_to_restart,omitempty"`
}

type Upgrade struct {
	Name      string   `rpc:"name"`
	From      string   `rpc:"from"`
	To        string   `rpc:"to"`
	Security  bool     `rpc:"security,omitempty"`
	Origin    string   `rpc:"origin,omitempty"`
	SizeBytes *float64 `rpc:"size_bytes,omitempty"`
}

type PatchApplyArgs struct {
	Names         []string `rpc:"names,omitempty" validate:"max=200,dive,id" help:"only these packages"`
	SecurityOnly  *bool    `rpc:"security_only,omitempty" default:"true"`
	HoldConfig    string   `rpc:"hold_config,omitempty" validate:"oneof=old" default:"old" help:"which configuration files win"`
	WindowSeconds int32    `rpc:"window_seconds,omitempty" validate:"omitempty,dur" help:"begin nothing new after this"`
}

type PatchApplyResult struct {
	Common
	Upgraded       []string `rpc:"upgraded,omitempty"`
	Failed         []string `rpc:"failed,omitempty"`
	RebootRequired bool     `rpc:"reboot_required"`
	Log            string   `rpc:"log,omitempty"`
	Job            string   `rpc:"job,omitempty"`
}
