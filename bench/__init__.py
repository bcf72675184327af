"""The scoreboard: kvmgdb and other stubs, the same client, the same guest work, the same run."""
