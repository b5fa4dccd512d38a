#!/bin/sh
# run.sh COMPILER SOURCE_DIR: plants each bug of mutants.txt in a copy of its file and expects the tests to turn red.
# Fails when a bug survives, does not apply any more, or does not compile.
set -eu
cc=$1
source=$2
core=$source/src/core
tests=$source/tests
here=$(mktemp -d)
trap 'rm -rf "$here"' EXIT

# What does not link would look like a bug that was caught.
link() { "$cc" "$@" || { echo "cannot link the tests" >&2; exit 1; }; }
compile() { "$cc" -std=c17 -D_GNU_SOURCE -w -I"$source/src" "$@"; }

for file in lifecycle restart plan progress; do
    compile -O2 -c "$core/$file.c" -o "$here/$file.o"
    compile -O0 -c "$tests/unit/core_$file.c" -o "$here/unit_$file.o"
done
for file in walk host world invariants table; do
    compile -O2 -c "$tests/model/$file.c" -o "$here/model_$file.o"
done

# What progress prints with, and not what the rest of these files needs.
for file in text columns value; do
    compile -O2 -ffunction-sections -fdata-sections -c "$core/$file.c" -o "$here/$file.o"
done

# green DIR: whether all tests pass with the objects of DIR; the nearest test is run first.
green() {
    for test in lifecycle restart plan progress; do
        [ "$test" = "$file" ] || continue
        link -Wl,--gc-sections "$here/unit_$test.o" "$1"/*.o "$here/text.o" "$here/columns.o" "$here/value.o" -lcmocka \
            -o "$1/unit"
        timeout 20 "$1/unit" >"$1/output" 2>&1 || { by="unit: $(grep -m1 '  FAILED  ' "$1/output" | sed 's/.*] //')"; return 1; }
    done
    case $file in plan | progress) return 0 ;; esac
    link "$here"/model_*.o "$1/lifecycle.o" "$1/restart.o" -o "$1/model"
    timeout 60 "$1/model" >"$1/output" 2>&1 || { by="model: $(grep -m1 '^broken: ' "$1/output" | cut -c9-)"; return 1; }
}

planted=0
survived=0
while IFS='|' read -r file what patch; do
    case $file in '' | '#'*) continue ;; esac
    planted=$((planted + 1))
    mutant=$here/mutant
    mkdir "$mutant"
    cp "$here/lifecycle.o" "$here/restart.o" "$here/plan.o" "$here/progress.o" "$mutant"
    sed -zE "$patch" "$core/$file.c" >"$mutant/$file.c"
    if cmp -s "$core/$file.c" "$mutant/$file.c"; then
        echo "does not apply any more: $file: $what"
        survived=$((survived + 1))
    elif ! compile -O1 -c "$mutant/$file.c" -o "$mutant/$file.o"; then
        echo "does not compile: $file: $what"
        survived=$((survived + 1))
    elif green "$mutant"; then
        echo "SURVIVED: $file: $what"
        survived=$((survived + 1))
    else
        echo "caught: $file: $what ($by)"
    fi
    rm -rf "$mutant"
done <"$tests/mutants/mutants.txt"

echo "$planted bugs planted, $survived not caught"
[ "$planted" -gt 0 ] && [ "$survived" -eq 0 ]
