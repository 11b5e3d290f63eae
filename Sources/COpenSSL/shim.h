#pragma once
#include <openssl/ssl.h>
#include <openssl/err.h>

/* Keys: HMAC-SHA256 and constant-time comparison; all of it plain functions, no wrapper needed. */
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
