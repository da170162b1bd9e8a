#!/bin/sh
# Prints certificates.ts anew: `sh make.sh > ../certificates.ts`. Needs OpenSSL 3 or newer.
#
# All keys are ECDSA P-256 (quick), except one RSA key. All certificates are valid from 2020 to 2120, except
# the expired one and the one that is not valid yet, so that a clock that is some years off does not matter.
set -eu

directory=$(mktemp -d)
trap 'rm -rf "$directory"' EXIT
cd "$directory"

cat > openssl.cnf <<'CONFIG'
[ca]
default_ca = authority
[authority]
database = index.txt
new_certs_dir = .
rand_serial = yes
default_md = sha256
policy = any
email_in_dn = no
unique_subject = no
[any]
commonName = supplied
[req]
distinguished_name = name
[name]
CONFIG
touch index.txt
LOCAL_SAN='DNS:localhost,IP:127.0.0.1,IP:::1'

# key NAME [OPTIONS]: an ECDSA key, or as the options of `openssl genpkey` say
key() {
  name=$1
  shift
  [ $# -gt 0 ] || set -- -algorithm EC -pkeyopt ec_paramgen_curve:P-256
  openssl genpkey "$@" -out "$name.key" 2> key.log
}

# signed NAME BY CN EXTENSIONS [FROM TO]: the certificate of NAME's key, signed by the key of BY
signed() {
  openssl req -new -config openssl.cnf -key "$1.key" -subj "/CN=$3" -out "$1.csr"
  printf '%b' "subjectKeyIdentifier = hash\n$4\n" > extensions.cnf
  if [ "$1" = "$2" ]
  then by='-selfsign'
  else
    by="-cert $2.pem"
    echo 'authorityKeyIdentifier = keyid' >> extensions.cnf
  fi
  # shellcheck disable=SC2086
  openssl ca -batch -notext -config openssl.cnf $by -keyfile "$2.key" -in "$1.csr" -out "$1.pem" \
    -startdate "${5:-20200101000000Z}" -enddate "${6:-21200101000000Z}" -extfile extensions.cnf 2> ca.log ||
    { cat ca.log >&2; exit 1; }
}

CA='basicConstraints = critical,CA:TRUE\nkeyUsage = critical,keyCertSign,cRLSign'
SERVER='basicConstraints = CA:FALSE\nextendedKeyUsage = serverAuth\nsubjectAltName = '
CLIENT='basicConstraints = CA:FALSE\nextendedKeyUsage = clientAuth'

# text FILE: the template literal of a PEM
text() { printf '`'; printf '%s' "$(cat "$1")"; printf '`'; }
# constant NAME FILE DOC, identity NAME CERTIFICATE KEY DOC
constant() { printf '\n/** %s */\nexport const %s = ' "$3" "$1"; text "$2"; printf ';\n'; }
identity() {
  printf '\n/** %s */\nexport const %s: Identity = {\n  cert: ' "$4" "$1"
  text "$2.pem"; printf ',\n  key: '; text "$3.key"; printf ',\n};\n'
}

key authority; signed authority authority 'tcp6 test authority' "$CA"
key other-authority; signed other-authority other-authority 'tcp6 other test authority' "$CA"
key localhost; signed localhost authority localhost "$SERVER$LOCAL_SAN"
key localhost-rsa -algorithm RSA -pkeyopt rsa_keygen_bits:2048; signed localhost-rsa authority localhost "$SERVER$LOCAL_SAN"
key localhost-by-name; signed localhost-by-name authority localhost "${SERVER}DNS:localhost"
key other-example; signed other-example authority other.example "${SERVER}DNS:other.example"
key second-example; signed second-example authority second.example "${SERVER}DNS:second.example"
key expired; signed expired authority localhost "$SERVER$LOCAL_SAN" 20010101000000Z 20020101000000Z
key not-yet-valid; signed not-yet-valid authority localhost "$SERVER$LOCAL_SAN" 21100101000000Z 21200101000000Z
key self-signed; signed self-signed self-signed localhost "basicConstraints = CA:TRUE\nsubjectAltName = $LOCAL_SAN"
key client; signed client authority client "$CLIENT"
key untrusted-client; signed untrusted-client other-authority client "$CLIENT"
key revoked; signed revoked authority localhost "$SERVER$LOCAL_SAN"
openssl ca -config openssl.cnf -cert authority.pem -keyfile authority.key -revoke revoked.pem 2> ca.log
openssl ca -config openssl.cnf -cert authority.pem -keyfile authority.key -gencrl -out revocations.pem \
  -crl_lastupdate 20200101000000Z -crl_nextupdate 21200101000000Z 2> ca.log
openssl pkcs8 -topk8 -in localhost.key -passout pass:secret -out encrypted.key

cat <<'HEADER'
/**
 * Certificates and their keys: for tests only, and no secret. Printed by certificates/make.sh, which says how they were
 * made; do not edit.
 */

/** A certificate and its key, as `node:tls` takes them: `listen({ tls: LOCALHOST })`. */
export interface Identity {
  readonly cert: string;
  readonly key: string;
}
HEADER
constant AUTHORITY authority.pem 'The authority that signed the certificates below: `connect({ tls: { ca: AUTHORITY } })`.'
constant OTHER_AUTHORITY other-authority.pem 'An authority that signed {@link UNTRUSTED_CLIENT} only.'
identity LOCALHOST localhost localhost 'Of a server: `localhost`, `127.0.0.1` and `::1`.'
identity LOCALHOST_RSA localhost-rsa localhost-rsa 'Like {@link LOCALHOST}, with an RSA key: for peers that know no other.'
identity LOCALHOST_BY_NAME localhost-by-name localhost-by-name 'Of a server: `localhost`, and no IP address.'
identity OTHER_EXAMPLE other-example other-example 'Of a server `other.example`: the wrong name for localhost.'
identity SECOND_EXAMPLE second-example second-example 'Of a server `second.example`.'
identity EXPIRED expired expired 'Like {@link LOCALHOST}, but expired in 2002.'
identity NOT_YET_VALID not-yet-valid not-yet-valid 'Like {@link LOCALHOST}, but not valid before 2110.'
identity SELF_SIGNED self-signed self-signed 'Like {@link LOCALHOST}, but signed by itself.'
identity REVOKED revoked revoked 'Like {@link LOCALHOST}, but revoked by {@link REVOCATIONS}.'
identity CLIENT client client 'Of a client, by {@link AUTHORITY}.'
identity UNTRUSTED_CLIENT untrusted-client untrusted-client 'Of a client, by {@link OTHER_AUTHORITY}.'
identity KEY_OF_ANOTHER localhost other-example 'A certificate whose key is that of another: no such server starts.'
constant REVOCATIONS revocations.pem 'The revocation list of {@link AUTHORITY}, for the option `crl`: {@link REVOKED}.'
constant ENCRYPTED_KEY encrypted.key 'The key of {@link LOCALHOST}, encrypted with {@link PASSPHRASE}.'
printf '\nexport const PASSPHRASE = "secret";\n'
