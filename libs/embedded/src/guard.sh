# Runs a command that never outlives the process at the other end of our standard input: when that end closes, because
# it was asked to or because its process died in whatever way, the command gets SIGTERM, and SIGKILL if it takes too long.
#
#   sh guard.sh PID_FILE GRACE_SECONDS COMMAND…
pid_file=$1
grace=$2
shift 2
exec 3<&0 </dev/null

"$@" 3<&- &
command=$!
echo "$command" >"$pid_file.new" && mv -f "$pid_file.new" "$pid_file"

(
  # The other end never writes: this returns when it closes.
  read -r _ <&3
  kill -TERM "$command" 2>/dev/null
  left=$((grace * 10))
  while [ "$left" -gt 0 ] && kill -0 "$command" 2>/dev/null; do
    sleep 0.1
    left=$((left - 1))
  done
  kill -KILL "$command" 2>/dev/null
) &
watcher=$!
exec 3<&-

wait "$command"
code=$?
# A successor may have written its own by now.
read -r recorded <"$pid_file" && [ "$recorded" = "$command" ] && rm -f "$pid_file"
kill -KILL "$watcher" 2>/dev/null
exit "$code"
