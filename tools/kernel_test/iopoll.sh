#!/bin/sh
# In the emulated machine: reads with IOPOLL bring the right bytes, and the drive does not interrupt for them. Without
# IOPOLL it does, which shows that the interrupts are counted.
reads=/tests/bench/ladder_reads
file=/tmp/iopoll.data

interrupts() {
    awk '/nvme0q/ { for (i = 2; i <= NF; i++) if ($i ~ /^[0-9]+$/) n += $i } END { print n + 0 }' /proc/interrupts
}

# Of reads with the features $1: "operations interrupts".
count() {
    before=$(interrupts)
    said=$($reads --file $file --depth 8 --seconds 2 --with "$1") || return 1
    after=$(interrupts)
    operations=${said#*\"operations\": }
    echo "${operations%%,*} $((after - before))"
}

$reads --file $file --make 16 --seconds 0.1 >/dev/null || exit 1
sleep 1 # what was written is on the drive, and no longer interrupts
status=0
for features in coop coop,files,buffers; do
    plain=$(count $features) || exit 1
    polled=$(count $features,iopoll) || exit 1
    echo "$features: reads and interrupts $plain; with iopoll $polled"
    [ "${plain#* }" -gt $((${plain% *} / 100)) ] || { echo "FAIL  the interrupts of plain reads are not seen"; status=1; }
    [ "${polled#* }" -lt $((${polled% *} / 100 + 20)) ] || { echo "FAIL  polled reads interrupt"; status=1; }
done
rm -f $file
exit $status
