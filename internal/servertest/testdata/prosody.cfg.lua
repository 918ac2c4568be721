-- Prosody 0.12 for tests: from files alone, on loopback, in the foreground.
-- Origin: Debian's prosody.cfg.lua, cut down to what AdminBot needs. @WORDS@
-- are filled in by package servertest.
local base = "@DIR@"
pidfile = base .. "/run/prosody.pid"
certificates = base .. "/run"
data_path = base .. "/data"
plugin_paths = { "/usr/lib/prosody/modules" }
run_as_root = true                                -- tests only
interfaces = { "127.0.0.1" }
local_interfaces = { "127.0.0.1" }
c2s_ports = { @C2S_PORT@ }
c2s_direct_tls_ports = { @DIRECT_TLS_PORT@ }
s2s_ports = { }
component_ports = { @COMPONENT_PORT@ }
component_interfaces = { "127.0.0.1" }
network_backend = "epoll"
storage = "internal"
authentication = "internal_hashed"
password_hash = "SHA-256"                         -- before the first account is made
ssl = { certificate = "@CERT@"; key = "@KEY@" }
c2s_require_encryption = @REQUIRE_TLS@
allow_unencrypted_plain_auth = not c2s_require_encryption
limits = { @LIMITS@ }                             -- Debian ships c2s = { rate = "10kb/s" }
log = { info = "*console" }
gc = { mode = "generational" }
modules_enabled = {
  "roster"; "saslauth"; "tls"; "disco"; "ping"; "posix"; "time"; "version"; "uptime";
  "pep"; "carbons"; "blocklist"; "private"; "vcard_legacy"; "offline"; "message"; "iq"; "presence";
  "mam"; "smacks"; "csi_simple"; "groups"; "cron";
}
modules_disabled = { "s2s" }
smacks_hibernation_time = 300
smacks_max_queue_size = 5000
archive_expires_after = "4w"
default_archive_policy = true
groups_file = base .. "/groups.txt"               -- shared roster: lets the bot see all hosts

VirtualHost "@DOMAIN@"
Component "conference.@DOMAIN@" "muc"
  restrict_room_creation = "local"
Component "pubsub.@DOMAIN@" "pubsub"
  autocreate_on_publish = true ; autocreate_on_subscribe = true ; expose_publisher = true
Component "@COMPONENT@"                           -- XEP-0114
  component_secret = "@SECRET@"
