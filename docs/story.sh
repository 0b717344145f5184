#!/bin/sh
# The life of a machine, with the cloud's own tools: launch, address, upload, security update, end, again.
# BUCKET and IMAGE are needed. For another cloud than Amazon: S3_ENDPOINT, EC2_ENDPOINT, and INSTANCE_ENDPOINT where instances
# reach the bucket by another name. `haulout cloud` prints all of them.
set -eu
: "${BUCKET:?}" "${IMAGE:?}"
role=s3://$BUCKET/planet

ec2() { aws ec2 "$@" ${EC2_ENDPOINT:+--endpoint-url "$EC2_ENDPOINT"}; }
s3() { aws s3 "$@" ${S3_ENDPOINT:+--endpoint-url "$S3_ENDPOINT"}; }
step() { printf '\n== %s\n' "$*"; }
# until_page TEXT PATH: the address serves it, within four minutes.
until_page() {
  left=240
  until curl -fsS -m 5 "http://$address/$2" 2>/dev/null | grep -q "$1"; do
    left=$((left - 1))
    [ "$left" -gt 0 ] || { echo "http://$address/$2 never had: $1" >&2; exit 1; }
    sleep 1
  done
  echo "http://$address/$2 has: $1"
}
launch() {
  instance=$(ec2 run-instances --image-id "$IMAGE" --instance-type t3.micro --iam-instance-profile Name=planet \
    --user-data file://bootstrap.js --query 'Instances[0].InstanceId' --output text)
  ec2 wait instance-running --instance-ids "$instance"
  ec2 associate-address --instance-id "$instance" --public-ip "$address" > /dev/null
  echo "$instance has $address"
}

step 'a script'
haulout userdata "$role" ${INSTANCE_ENDPOINT:+--instance-endpoint-url "$INSTANCE_ENDPOINT"} > bootstrap.js

step 'a machine, and an address'
address=$(ec2 allocate-address --query PublicIp --output text)
launch
until_page 'Planet' ''

step 'upload a file: every live host changes'
printf '/* the night shift */\n' | cat - "${DIRECTORY:-buckets/planet}/skins/night/planet.css" > planet.css
s3 cp --only-show-errors planet.css "$role/root/srv/planet/theme/planet.css"
date | s3 cp --only-show-errors - "s3://$BUCKET/.haulout/wake" # or wait for the schedule in haulout.ini
until_page 'the night shift' planet.css

step 'a security update: another machine in its place'
haulout swap "$instance" --image-id "${NEW_IMAGE:-$IMAGE}" --probe 'http://{address}/' --hold 5s
until_page 'the night shift' planet.css

step 'lose it, and run the same script again'
instance=$(ec2 describe-addresses --public-ips "$address" --query 'Addresses[0].InstanceId' --output text)
ec2 terminate-instances --instance-ids "$instance" > /dev/null
ec2 wait instance-terminated --instance-ids "$instance"
launch
until_page 'the night shift' planet.css

step 'the end'
ec2 terminate-instances --instance-ids "$instance" > /dev/null
ec2 wait instance-terminated --instance-ids "$instance"
ec2 release-address $(ec2 describe-addresses --public-ips "$address" --query 'Addresses[0].AllocationId' --output text |
  sed 's/^eipalloc/--allocation-id eipalloc/')
