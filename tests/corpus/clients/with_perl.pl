# Requests of Perl's HTTP::Tiny. Arguments: name of the case, URL of the function.
use HTTP::Tiny;

my ($name, $url) = @ARGV;
my $client = HTTP::Tiny->new;
my %cases = (
    "get"    => sub { $client->get("$url?a=1;b=2") },
    "form"   => sub { $client->post_form($url, [a => "1", a => "2", b => "x y"]) },
    "stream" => sub {
        my @pieces = ("one ", "two");
        $client->put($url, { content => sub { shift @pieces } });
    },
);
if ($name) {
    $cases{$name}->();
} else {
    my $names = join ", ", map { "\"$_\"" } sort keys %cases;
    print "{\"cases\": [$names], \"version\": \"HTTP::Tiny $HTTP::Tiny::VERSION\"}\n";
}
