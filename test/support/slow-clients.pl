# Opens as many event streams as asked for, and reads each up to its first bytes; from then on nothing, or where the pace
# says so, one byte a second. Says so on stdout, and ends with its stdin. In Perl, which every Debian has, since Node can
# set neither a socket's TCP_MAXSEG nor its SO_RCVBUF: over the loopback the kernel would keep some 4 MB for each client,
# and it would take as many frames until the first of them is stuck.
use strict;
use warnings;
use IO::Select;
use Socket qw(:DEFAULT IPPROTO_TCP);

use constant { TCP_MAXSEG => 2, SEGMENT => 1460, RECEIVE => 8192 };

my ($port, $count, $path, $pace) = @ARGV;
my $address = pack_sockaddr_in($port, inet_aton('127.0.0.1'));
my @sockets;
for (1 .. $count) {
    socket(my $socket, PF_INET, SOCK_STREAM, 0) or die "socket: $!";
    setsockopt($socket, IPPROTO_TCP, TCP_MAXSEG, SEGMENT) or die "setsockopt: $!";
    setsockopt($socket, SOL_SOCKET, SO_RCVBUF, RECEIVE) or die "setsockopt: $!";
    connect($socket, $address) or die "connect: $!";
    syswrite($socket, "GET $path HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n");
    push @sockets, $socket;
}
for my $socket (@sockets) {
    my $answer = '';
    while ($answer !~ /\r\n\r\n./s) {
        sysread($socket, $answer, 512, length $answer) or die "a stream ended: $answer";
    }
    $answer =~ m{^HTTP/1.1 200} or die $answer;
}
$| = 1;
print "open\n";
my $end = IO::Select->new(\*STDIN);
until ($end->can_read($pace eq 'byte' ? 1 : undef)) {
    for my $socket (@sockets) { sysread($socket, my $byte, 1) }
}
