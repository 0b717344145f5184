# AWS Signature Version 4 out of nothing but sha256, so that neither the age of a curl matters nor a key stands in arguments:
# HMAC is two sums (RFC 2104), and what printf writes no other process sees.
digest() {
  { sha256sum 2>/dev/null || openssl dgst -sha256 -r; } | cut -c 1-64
}
# escapes HEX NUMBER: for printf in $escaped, each byte XOR NUMBER.
escapes() {
  left=$1 escaped=
  while [ -n "$left" ]; do
    rest=${left#??}
    byte=$((0x${left%"$rest"} ^ $2))
    left=$rest
    escaped=$escaped\\$((byte / 64))$((byte / 8 % 8))$((byte % 8))
  done
}
# hmac HEXKEY: of standard input, in hex.
hmac() {
  long=$1
  while [ ${#long} -lt 128 ]; do long=${long}00; done
  escapes "$long" 54
  inner=$escaped
  escapes "$long" 92
  outer=$escaped
  escapes "$({
    printf "$inner"
    cat
  } | digest)" 0
  printf "$outer$escaped" | digest
}
# authorize DATE HEADER...: the header for a GET of /$path, which is signed with all of these, and they are in order.
authorize() {
  stamp=$1
  scope=$(printf %.8s "$stamp")/$region/s3/aws4_request
  shift
  names=$(printf '%s\n' "$@" | sed 's/: .*//' | tr '\n' ';')
  names=${names%;}
  key=$(printf 'AWS4%s' "$secret" | od -An -v -tx1 | tr -d ' \n')
  for part in $(echo "$scope" | tr / ' '); do key=$(printf %s "$part" | hmac "$key"); done
  request=$({
    printf 'GET\n/%s\n\n' "$path"
    printf '%s\n' "$@" | sed 's/: /:/'
    printf '\n%s\n%s' "$names" "$empty"
  } | digest)
  signature=$(printf 'AWS4-HMAC-SHA256\n%s\n%s\n%s' "$stamp" "$scope" "$request" | hmac "$key")
  echo "authorization: AWS4-HMAC-SHA256 Credential=$access/$scope, SignedHeaders=$names, Signature=$signature"
}
