#!/bin/sh
# pure.sh NM OBJECT...: fails when the objects, taken together, reach for anything outside themselves: a clock, a heap, a
# descriptor. Allowed are what compilers put in by themselves and what sanitizers and coverage add.
set -eu
nm=$1
shift
allowed='^(mem(cpy|move|set|cmp)|__stack_chk_fail|_GLOBAL_OFFSET_TABLE_|__(asan|ubsan|sanitizer|gcov|llvm|sancov)_.*)$'

names=$(mktemp)
trap 'rm -f "$names"' EXIT
"$nm" --defined-only "$@" | awk 'NF == 3 { print $3 }' >"$names"
[ -s "$names" ] || { echo "no symbols in $*" >&2; exit 1; }
reached=$("$nm" --undefined-only "$@" | awk 'NF == 2 { print $2 }' | sort -u | grep -vE "$allowed" | grep -vxFf "$names" || true)
if [ -n "$reached" ]; then
    echo "reaches outside:" $reached
    exit 1
fi
