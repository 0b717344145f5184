# An image with Node and the packages of a role in it: machines launched from it are up in seconds. haulout does not run here,
# so the image is nobody in particular; what it is to be still comes from the bucket.
packer {
  required_plugins {
    amazon = {
      source  = "github.com/hashicorp/amazon"
      version = ">= 1.2.8"
    }
  }
}

variable "region" {
  type    = string
  default = "us-east-1"
}

variable "packages" {
  type        = list(string)
  default     = ["nginx"]
  description = "What [packages] of haulout.ini names."
}

source "amazon-ebs" "planet" {
  region        = var.region
  instance_type = "t3.small"
  ssh_username  = "admin"
  ami_name      = "planet-${formatdate("YYYYMMDDhhmmss", timestamp())}"

  # Debian's own account: https://wiki.debian.org/Cloud/AmazonEC2Image. Its nodejs is new enough since 13.
  source_ami_filter {
    owners      = ["136693071363"]
    most_recent = true
    filters = {
      name                = "debian-13-amd64-*"
      virtualization-type = "hvm"
    }
  }

  # Of the machine that is built on, and of those launched from the image.
  metadata_options {
    http_endpoint               = "enabled"
    http_tokens                 = "required"
    http_put_response_hop_limit = 1
  }
  imds_support = "v2.0"
}

build {
  sources = ["source.amazon-ebs.planet"]

  provisioner "shell" {
    script          = "${path.root}/image.sh"
    execute_command = "sudo sh {{ .Path }} ${join(" ", var.packages)}"
  }
}
