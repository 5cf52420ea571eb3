"""Settings of trailbell. Copy this file to configs.py; git ignores the copy, the zip takes it in.

Only CHANNELS has to be set. Everything else shows its default, or an example in a comment.
`trailbell check` looks it over, `trailbell check --post` sends a test message.

A setting can also come from the environment, which wins over this file: TRAILBELL_CHANNELS,
TRAILBELL_TIMEZONE, ... as JSON where the value is no plain text.
"""

# 1. Where to ring. One Slack webhook is enough:

CHANNELS = "https://hooks.slack.com/services/T00000000/B00000000/XXXXXXXXXXXXXXXXXXXXXXXX"

# or a list of channels, each with the filters that it wants:
#
# CHANNELS = [
#     {"type": "slack", "url": "https://hooks.slack.com/services/..."},
#     {
#         "type": "telegram",
#         "token": "env:TELEGRAM_TOKEN",      # 123456:ABC..., from @BotFather
#         "chat_id": -1001234567890,
#         # "message_thread_id": 7,           # a topic of the group
#         "name": "on-call",                  # default: the type, then type-2, ...
#         "min_severity": "high",             # info, low, medium, high or critical
#         "rules": ["root-*", "access-key-*"],  # globs; default: every rule
#         "accounts": ["111122223333"],       # default: every account
#         # "pace": 3,                        # seconds between posts, from the sixth on
#         "fallback": "slack",                # the name of the channel that gets what it refuses
#     },
#     {"type": "slack", "token": "ssm:/trailbell/slack-bot", "channel": "C0123456789"},
# ]
#
# The other types (sns, webhook, pagerduty, teams, discord) and what each takes:
# docs/configuration.md.
#
# A secret can stand here, or be named: "env:NAME", "ssm:/trailbell/slack" (SSM Parameter Store),
# "secretsmanager:trailbell/slack" or "secretsmanager:trailbell#slack" (a key of a JSON secret).
# The function's role needs the right to read it.

# 2. How to tell it: the reader's time zone (an IANA name), and what the accounts are called.

TIMEZONE = "UTC"  # "Europe/Berlin"
ACCOUNTS = {}  # {"111122223333": "production", "444455556666": "sandbox"}

# 3. Which rules to start from:
#    standard    all that are worth a message in most accounts, and every change by an IAM user
#    security    the same without the changes by IAM users
#    iam-user    changes by IAM users, and nothing else
#    compliance  standard, and every control of the CIS AWS Foundations Benchmark

PRESET = "standard"

# 4. A rule switched on or off, given another severity, or tuned: `trailbell rules` lists the
#    rules, docs/rules/ says what each can be told.

RULES = {}
# RULES = {
#     "off-hours-activity": {"enabled": True, "start": 20, "end": 7, "holidays": ["2026-12-25"]},
#     "console-login-failed": {"severity": "medium"},
#     "access-key-created": {"allow_actors": ["key-rotation/*"]},
#     "role-trust-external": {"trusted_accounts": ["999988887777"]},
# }

# 5. What not to ring for. Each condition is a glob and all of a mute's must hold; muted alerts are
#    counted in the log and in `trailbell replay`. `actor` is what `trailbell replay` prints.

MUTES = []
# MUTES = [
#     {"rule": "iam-user-activity", "actor": "terraform", "reason": "our pipeline"},
#     {"role": "Deploy*", "account": "444455556666", "until": "2026-12-31", "reason": "migration"},
#     {"action": "s3:PutObject*", "ip": "192.0.2.*", "region": "eu-*", "reason": "backups"},
# ]

# 6. Rules of your own: classes written here, or in a folder custom_rules/ beside this file.

CUSTOM_RULES = []
# from custom_rules.bucket_deleted import BucketDeleted
# CUSTOM_RULES = [BucketDeleted]

# 7. That nothing is lost: a table that remembers what was posted, a queue that brings back what
#    was not, and the ARN of the function's own role, whose calls start no loop. docs/delivery.md
#    says how to make them.

LEDGER_TABLE = ""  # "trailbell"
RETRY_QUEUE_URL = ""  # "https://sqs.eu-west-1.amazonaws.com/111122223333/trailbell-retry"
OWN_ROLE = ""  # "arn:aws:iam::111122223333:role/trailbell"
