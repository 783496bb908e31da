// A key and a certificate for "localhost", valid from 2020 to 2120, signed by itself. For tests of
// TLS only: the key is public.
#pragma once

namespace vc {

inline constexpr char localhost_key[] = R"(
-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQg6J/rqW8kuwQU0uLb
C8nnQzPYXhbWVMC4JSpZOfPx8hmhRANCAARnTU3uACOOACXSTaGgZFvi5s/mPALe
+zoXbLwqPqwbNCRR4XT6SQv7/kSvk101SiV+9UN4xtF4g+OlV0JAE1lo
-----END PRIVATE KEY-----
)";

inline constexpr char localhost_certificate[] = R"(
-----BEGIN CERTIFICATE-----
MIIBYTCCAQegAwIBAgIBATAKBggqhkjOPQQDAjAUMRIwEAYDVQQDDAlsb2NhbGhv
c3QwIBcNMjAwMTAxMDAwMDAwWhgPMjEyMDAxMDEwMDAwMDBaMBQxEjAQBgNVBAMM
CWxvY2FsaG9zdDBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABGdNTe4AI44AJdJN
oaBkW+Lmz+Y8At77OhdsvCo+rBs0JFHhdPpJC/v+RK+TXTVKJX71Q3jG0XiD46VX
QkATWWijSDBGMBQGA1UdEQQNMAuCCWxvY2FsaG9zdDAPBgNVHRMBAf8EBTADAQH/
MB0GA1UdDgQWBBTBY8LHHt2KGeNCCQVViLVDP1SvjzAKBggqhkjOPQQDAgNIADBF
AiEA8wF4Zbky8pz3F6w0IKltJWTpN5tpHUGcULLenfunxYACIB3KgqowKnIIKWsO
4u9YeHDlqBWoM2xcGYPPcUsfO5tp
-----END CERTIFICATE-----
)";

}  // namespace vc
