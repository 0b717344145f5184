#!/bin/sh
# One instance on Eucalyptus, by euca2ools. The bucket is on Walrus: https://github.com/eucalyptus/euca2ools
set -eu
bucket=s3://my-bucket/planet
walrus=http://walrus.example:8773/services/Walrus
image=emi-12345678
profile=planet # instance profile; a cloud without them: a bucket that everybody reads, and --anonymous below
address=192.0.2.10

haulout userdata "$bucket" --endpoint-url "$walrus" --region eucalyptus > bootstrap.js
instance=$(euca-run-instances "$image" -t m1.small -k planet -g planet -p "$profile" -f bootstrap.js |
  awk '$1 == "INSTANCE" { print $2 }')
until euca-describe-instances "$instance" | grep -q running; do sleep 5; done
euca-associate-address -i "$instance" "$address"
