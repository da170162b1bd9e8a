# Runs a command on a kernel that seems to be built without IPv6: socket(AF_INET6) fails with EAFNOSUPPORT (seccomp(2)).
use strict;
my ($socket, $prctl) = `uname -m` =~ /^x86_64/ ? (41, 157) : (198, 167);
my @filter = (
    pack("SCCL", 0x20, 0, 0, 0),                 # the number of the system call
    pack("SCCL", 0x15, 0, 3, $socket),
    pack("SCCL", 0x20, 0, 0, 16),                # its first argument
    pack("SCCL", 0x15, 0, 1, 10),                # AF_INET6
    pack("SCCL", 0x06, 0, 0, 0x00050000 | 97),   # EAFNOSUPPORT
    pack("SCCL", 0x06, 0, 0, 0x7fff0000),        # allowed
);
my $program = pack("S x![P] P", scalar @filter, join("", @filter));
syscall($prctl, 38, 1, 0, 0, 0) == 0 or die "PR_SET_NO_NEW_PRIVS: $!";
syscall($prctl, 22, 2, $program) == 0 or die "PR_SET_SECCOMP: $!";
exec @ARGV or die "$ARGV[0]: $!";
