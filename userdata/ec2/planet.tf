# haulout userdata s3://my-bucket/planet > bootstrap.js
# haulout doctor s3://my-bucket/planet --policy instance > policy.json

terraform {
  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = ">= 5.0"
    }
  }
}

variable "image_id" {
  type        = string
  description = "An image with cloud-init, such as Debian's."
}

variable "subnet_id" {
  type = string
}

resource "aws_iam_role" "planet" {
  name = "planet"
  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Action    = "sts:AssumeRole"
      Principal = { Service = "ec2.amazonaws.com" }
    }]
  })
}

resource "aws_iam_role_policy" "planet" {
  name   = "haulout"
  role   = aws_iam_role.planet.id
  policy = file("${path.module}/policy.json")
}

resource "aws_iam_instance_profile" "planet" {
  name = "planet"
  role = aws_iam_role.planet.name
}

resource "aws_instance" "planet" {
  ami                  = var.image_id
  instance_type        = "t3.micro"
  subnet_id            = var.subnet_id
  iam_instance_profile = aws_iam_instance_profile.planet.name

  # Another script is another instance: what runs once cannot be changed where it has run.
  user_data_base64            = filebase64("${path.module}/bootstrap.js")
  user_data_replace_on_change = true

  metadata_options {
    http_tokens                 = "required"
    http_put_response_hop_limit = 1
    instance_metadata_tags      = "enabled"
  }

  tags = { Name = "planet" }

  # The new one is there before the old one goes; the address below follows.
  lifecycle {
    create_before_destroy = true
  }
}

resource "aws_eip" "planet" {
  domain = "vpc"
}

resource "aws_eip_association" "planet" {
  allocation_id = aws_eip.planet.id
  instance_id   = aws_instance.planet.id
}
