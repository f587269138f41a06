#!/usr/bin/env bash
# Lists as file:line what is too long: lines of more than 120 columns (a tab counts 4) in Go files, scripts and the
# Makefile, and Go files of more than 450 lines. Fails where there is one.
set -euo pipefail
cd "$(dirname "$0")/.."
git ls-files -z -- '*.go' '*.sh' .ci/run Makefile | xargs -0 perl -CSD -e '
  my ($columns, $lines) = (120, 450);
  for my $file (grep { -f } @ARGV) { # a file that was deleted is listed until that is committed
    open my $in, "<", $file or die "lines: $file: $!\n";
    while (<$in>) {
      chomp;
      my $width = length($_) + 3 * tr/\t//;
      if ($width > $columns) { print "$file:$.: $width columns, want at most $columns\n"; $bad = 1 }
    }
    if ($file =~ /\.go$/ && $. > $lines) { print "$file:$.: the file has $. lines, want at most $lines\n"; $bad = 1 }
    close $in;
  }
  exit($bad ? 1 : 0);
' >&2
