#pragma once
#include <openssl/ssl.h>
#include <openssl/err.h>

/* Keys: HMAC-SHA256 and constant-time comparison. */
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/params.h>

/* OSSL_PARAM arrays are awkward from Swift: the digest's name is fixed here. */
static inline int portcullis_mac_init_sha256(EVP_MAC_CTX *context, const unsigned char *key, size_t length) {
    OSSL_PARAM parameters[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, (char *)"SHA256", 0),
        OSSL_PARAM_construct_end(),
    };
    return context ? EVP_MAC_init(context, key, length, parameters) : 0;
}
