# Opens as many event streams as asked for, reads each until its first bytes, and then never again. Says so on stdout,
# and ends with its stdin. In Perl, which every Debian has, since Node cannot set a socket's TCP_MAXSEG: over the loopback
# a segment has 64 KB, with which the kernel keeps some 4 MB for each client and runs out of memory for all. With segments
# as on a network it is some 800 KB (over a slow network, 100).
use strict;
use warnings;
use Socket qw(:DEFAULT IPPROTO_TCP);

use constant { TCP_MAXSEG => 2, SEGMENT => 1460 };

my ($port, $count, $path) = @ARGV;
my $address = pack_sockaddr_in($port, inet_aton('127.0.0.1'));
my @sockets;
for (1 .. $count) {
    socket(my $socket, PF_INET, SOCK_STREAM, 0) or die "socket: $!";
    setsockopt($socket, IPPROTO_TCP, TCP_MAXSEG, SEGMENT) or die "setsockopt: $!";
    connect($socket, $address) or die "connect: $!";
    syswrite($socket, "GET $path HTTP/1.1\r\nHost: 127.0.0.1\r\nAccept: text/event-stream\r\n\r\n");
    push @sockets, $socket;
}
for my $socket (@sockets) {
    my $answer = '';
    while ($answer !~ /\r\n\r\n./s) {
        sysread($socket, $answer, 4096, length $answer) or die "a stream ended: $answer";
    }
    $answer =~ m{^HTTP/1.1 200} or die $answer;
}
$| = 1;
print "open\n";
sysread(STDIN, my $nothing, 1);
