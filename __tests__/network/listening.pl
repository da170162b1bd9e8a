# Runs a command whose descriptor 3 is a socket that listens on a port of all addresses: `listening.pl <port> <command> …`.
use strict;
use Socket;
$^F = 3; # The descriptors up to this one stay open in the command.
my $port = shift @ARGV;
socket(my $server, PF_INET, SOCK_STREAM, 0) or die "socket: $!";
bind($server, sockaddr_in($port, INADDR_ANY)) or die "bind: $!";
listen($server, 511) or die "listen: $!";
fileno($server) == 3 or die "the descriptor is " . fileno($server);
exec @ARGV or die "$ARGV[0]: $!";
