#!/bin/sh
# One server on OpenStack, by its own command line. The bucket is on Swift or Ceph; machines there have no role, so everybody
# must be able to read the bucket, and nothing in it is secret.
set -eu
bucket=s3://my-bucket/planet
store=https://swift.example:8080
address=192.0.2.10

haulout userdata "$bucket" --endpoint-url "$store" --region us-east-1 --anonymous > bootstrap.js
openstack server create planet --image debian-13 --flavor m1.small --network private --key-name planet \
  --security-group planet --user-data bootstrap.js --wait
openstack server add floating ip planet "$address"
