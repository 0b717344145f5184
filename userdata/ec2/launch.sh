#!/bin/sh
# One instance on EC2, and the elastic IP that leads to it. Run it again to replace the instance: the address moves when the
# new one is up, and the old one is yours to end.
set -eu
bucket=s3://my-bucket/planet
image=ami-0123456789abcdef0
profile=planet # instance profile; its role has the policy of: haulout doctor --policy instance
address=eipalloc-0123456789abcdef0

haulout userdata "$bucket" > bootstrap.js
instance=$(aws ec2 run-instances --image-id "$image" --instance-type t3.micro \
  --iam-instance-profile "Name=$profile" \
  --metadata-options HttpTokens=required,HttpPutResponseHopLimit=1,InstanceMetadataTags=enabled \
  --tag-specifications 'ResourceType=instance,Tags=[{Key=Name,Value=planet}]' \
  --user-data file://bootstrap.js --query 'Instances[0].InstanceId' --output text)
aws ec2 wait instance-running --instance-ids "$instance"
aws ec2 associate-address --instance-id "$instance" --allocation-id "$address"
