# bash completion for upkeep, written by `upkeep help --format bash`
_upkeep_apps() {
    local dir=$PWD file=${UPKEEP_MANIFEST-}
    while [[ -z $file && -n $dir ]]; do
        [[ -f $dir/upkeep.ini ]] && file=$dir/upkeep.ini
        dir=${dir%/*}
    done
    [[ -r $file ]] && sed -n 's/^\[app:\([A-Za-z0-9_-]*\)\].*/\1/p' "$file"
}
_upkeep() {
    local word=${COMP_WORDS[COMP_CWORD]} command='' words='' i
    for ((i = 1; i < COMP_CWORD; i++)); do
        case ${COMP_WORDS[i]} in
        -f | -p | --manifest | --profile) ((i++)) ;;
        -*) ;;
        *)
            command=${COMP_WORDS[i]}
            break
            ;;
        esac
    done
    case $command in
    '') words='run start stop restart apply deploy status show logs env signal wait events why shutdown check prepare unit version help --manifest --profile --help --version' ;;
    run) words="$(_upkeep_apps) --help" ;;
    start) words="$(_upkeep_apps) --help --no-wait --timeout" ;;
    stop) words="$(_upkeep_apps) --help --no-wait --timeout" ;;
    restart) words="$(_upkeep_apps) --help --no-wait --timeout" ;;
    apply) words=" --help --json --no-wait --timeout --dry-run" ;;
    deploy) words=" --help --json --timeout --strict --if-needed --restart-all --rollback-command" ;;
    status | ls) words=" --help --json --watch" ;;
    show) words="$(_upkeep_apps) --help --json" ;;
    logs) words="$(_upkeep_apps) --help --follow --lines" ;;
    env) words="$(_upkeep_apps) --help --json --reveal" ;;
    signal) words="$(_upkeep_apps) --help" ;;
    wait) words="$(_upkeep_apps) --help --timeout" ;;
    events) words=" --help --json --follow" ;;
    why) words="$(_upkeep_apps) --help --json" ;;
    shutdown) words=" --help --no-wait --timeout" ;;
    check) words="$(_upkeep_apps) --help --json --user --unit --strict --list-rules" ;;
    prepare) words="$(_upkeep_apps) --help --json --if-needed" ;;
    unit) words=" --help --user --install --print" ;;
    version) words=" --help" ;;
    help) words=" --help --format" ;;
    esac
    mapfile -t COMPREPLY < <(compgen -W "$words" -- "$word")
}
complete -o default -F _upkeep upkeep
