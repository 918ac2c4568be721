package site

// Intake names the file that says who may raise alerts over HTTP and by mail:
// [intake] of a configuration file, the sources alone.
const Intake = "intake.toml"

// WebhookToken is the file of the token that the first source has.
const WebhookToken = "webhook.token"

const intake = `# Who may raise alerts over HTTP and by mail, and where they wait (docs/alerts.md).
# "adminbot config describe" shows every key. A token is made with
#   (umask 077 && openssl rand -hex 32 > secrets/NAME.token)

[[intake.source]]
name = "webhook"
token_file = "secrets/webhook.token"
mail_key = "alerts"
`
