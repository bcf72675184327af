"""The KVM backend: a guest on the host's ``/dev/kvm``."""
