# Sourced by scripts/test and .ci/run: named steps, each to its end, and a
# summary of all. A step that was skipped is no step that passed.

steps_log=()
steps_failed=0
steps_began=$SECONDS

# step NAME COMMAND… runs a command and notes how it ended.
step() {
	local name=$1 began=$SECONDS
	shift
	printf '\n=== %s\n' "$name"
	if "$@"; then
		steps_log+=("$(printf '  ok       %-52s %4d s' "$name" $((SECONDS - began)))")
	else
		steps_log+=("$(printf '  FAILED   %-52s %4d s' "$name" $((SECONDS - began)))")
		steps_failed=$((steps_failed + 1))
	fi
}

# skip NAME REASON notes what was not done.
skip() {
	printf '\n=== %s: skipped, %s\n' "$1" "$2"
	steps_log+=("$(printf '  skipped  %s: %s' "$1" "$2")")
}

# finish TITLE prints the summary and ends the script.
finish() {
	printf '\n%s, %d s in all:\n' "$1" $((SECONDS - steps_began))
	printf '%s\n' "${steps_log[@]}"
	if ((steps_failed > 0)); then
		printf '%d failed.\n' "$steps_failed"
		exit 1
	fi
	printf 'Nothing failed.\n'
	exit 0
}
