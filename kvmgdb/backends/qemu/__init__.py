"""The QEMU backend: a guest on a machine of QEMU's, which runs as our child."""
