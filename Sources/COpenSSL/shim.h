#pragma once
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

// Function-like macros and constants that Swift cannot see.

// MARK: TLS server

static inline int portcullis_ctx_set_min_version(SSL_CTX *context, int version) {
    return SSL_CTX_set_min_proto_version(context, version);
}
static inline void portcullis_ctx_set_server_modes(SSL_CTX *context) {
    SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
                                  SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    SSL_CTX_set_options(context, SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION | SSL_OP_IGNORE_UNEXPECTED_EOF |
                                     SSL_OP_PRIORITIZE_CHACHA);
    SSL_CTX_set_read_ahead(context, 1);
    SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
}
static inline int portcullis_ctx_set_groups(SSL_CTX *context, const char *list) {
    return (int)SSL_CTX_set1_groups_list(context, list);
}
static inline void portcullis_ctx_on_server_name(SSL_CTX *context, int (*callback)(SSL *, int *, void *),
                                                 void *argument) {
    SSL_CTX_set_tlsext_servername_callback(context, callback);
    SSL_CTX_set_tlsext_servername_arg(context, argument);
}
static inline void portcullis_ctx_on_ticket_key(SSL_CTX *context,
                                                int (*callback)(SSL *, unsigned char *, unsigned char *,
                                                                EVP_CIPHER_CTX *, EVP_MAC_CTX *, int)) {
    SSL_CTX_set_tlsext_ticket_key_evp_cb(context, callback);
}
static inline int portcullis_ctx_add_chain_certificate(SSL_CTX *context, X509 *certificate) {
    return (int)SSL_CTX_add1_chain_cert(context, certificate);
}
static inline BIO *portcullis_bio_over(const void *bytes, int count) { return BIO_new_mem_buf(bytes, count); }

// MARK: Keys

// OSSL_PARAM arrays are awkward from Swift: the digest's name is fixed here.
static inline int portcullis_mac_init_sha256(EVP_MAC_CTX *context, const unsigned char *key, size_t length) {
    OSSL_PARAM parameters[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, (char *)"SHA256", 0),
        OSSL_PARAM_construct_end(),
    };
    return context ? EVP_MAC_init(context, key, length, parameters) : 0;
}
