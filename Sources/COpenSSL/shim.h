#pragma once
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/ocsp.h>
#include <openssl/params.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <time.h>

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
static inline void portcullis_ctx_on_status(SSL_CTX *context, int (*callback)(SSL *, void *), void *argument) {
    SSL_CTX_set_tlsext_status_cb(context, callback);
    SSL_CTX_set_tlsext_status_arg(context, argument);
}
// Gives the client of a handshake a copy of an OCSP response.
static inline int portcullis_staple(SSL *ssl, const unsigned char *bytes, long count) {
    unsigned char *copy = OPENSSL_memdup(bytes, (size_t)count);
    if (!copy) return 0;
    if (SSL_set_tlsext_status_ocsp_resp(ssl, copy, count) == 1) return 1;
    OPENSSL_free(copy);
    return 0;
}

// MARK: TLS client

static inline void portcullis_ctx_set_client_modes(SSL_CTX *context) {
    SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
                                  SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    // An end without close_notify stays an error: an answer without a length could else be cut off unseen.
    SSL_CTX_set_options(context, SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION);
    SSL_CTX_set_read_ahead(context, 1);
    SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
}
// Whom the certificate must be for; a name is asked for as well (RFC 6066 §3).
static inline int portcullis_expect_host(SSL *ssl, const char *host) {
    X509_VERIFY_PARAM *parameters = SSL_get0_param(ssl);
    if (X509_VERIFY_PARAM_set1_ip_asc(parameters, host) == 1) return 1;
    ERR_clear_error();
    X509_VERIFY_PARAM_set_hostflags(parameters, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    return SSL_set1_host(ssl, host) == 1 && SSL_set_tlsext_host_name(ssl, host) == 1;
}

// MARK: Times and texts

static inline long long portcullis_unix_time(void) { return (long long)time(NULL); }
static inline BIO *portcullis_bio_over(const void *bytes, int count) { return BIO_new_mem_buf(bytes, count); }

// MARK: OCSP

// The part of a basic response that is about a certificate; NULL when none is. Responders choose the digest that
// certificates are named by.
static inline OCSP_SINGLERESP *portcullis_ocsp_single(OCSP_BASICRESP *basic, X509 *certificate, X509 *issuer) {
    for (int index = 0; index < OCSP_resp_count(basic); index++) {
        OCSP_SINGLERESP *single = OCSP_resp_get0(basic, index);
        OCSP_CERTID *theirs = (OCSP_CERTID *)OCSP_SINGLERESP_get0_id(single);
        ASN1_OBJECT *name = NULL;
        if (OCSP_id_get0_info(NULL, &name, NULL, NULL, theirs) != 1) continue;
        const EVP_MD *digest = EVP_get_digestbyobj(name);
        OCSP_CERTID *own = digest ? OCSP_cert_to_id(digest, certificate, issuer) : NULL;
        int is_same = own && OCSP_id_cmp(own, theirs) == 0;
        OCSP_CERTID_free(own);
        if (is_same) return single;
    }
    return NULL;
}

static inline int portcullis_ocsp_is_signed(OCSP_BASICRESP *basic, X509 *issuer) {
    X509_STORE *store = X509_STORE_new();
    STACK_OF(X509) *chain = sk_X509_new_null();
    int is_signed = 0;
    if (store && chain && X509_STORE_add_cert(store, issuer) == 1 && sk_X509_push(chain, issuer) > 0) {
        X509_STORE_set_flags(store, X509_V_FLAG_PARTIAL_CHAIN);
        is_signed = OCSP_basic_verify(basic, chain, store, 0) == 1;
    }
    sk_X509_free(chain);
    X509_STORE_free(store);
    return is_signed;
}

// What keeps an OCSP response in DER from being stapled to a certificate; NULL for nothing. `*seconds_left` is how long
// it says what it says, -1 when it does not tell.
static inline const char *portcullis_ocsp_problem(const unsigned char *bytes, long count, X509 *certificate, X509 *issuer,
                                                  long long *seconds_left) {
    OCSP_RESPONSE *response = d2i_OCSP_RESPONSE(NULL, &bytes, count);
    if (!response) return "is no OCSP response in DER";
    OCSP_BASICRESP *basic = OCSP_response_get1_basic(response);
    OCSP_SINGLERESP *single = basic ? portcullis_ocsp_single(basic, certificate, issuer) : NULL;
    ASN1_GENERALIZEDTIME *begin = NULL, *end = NULL;
    int reason = 0, status = single ? OCSP_single_get0_status(single, &reason, NULL, &begin, &end) : -1;
    int days = 0, seconds = 0;
    const char *problem = NULL;
    if (OCSP_response_status(response) != OCSP_RESPONSE_STATUS_SUCCESSFUL || !basic)
        problem = "tells only that the responder has failed";
    else if (!single)
        problem = "is not about the certificate";
    else if (!portcullis_ocsp_is_signed(basic, issuer))
        problem = "is not signed by the certificate's issuer";
    else if (status != V_OCSP_CERTSTATUS_GOOD)
        problem = status == V_OCSP_CERTSTATUS_REVOKED ? "says that the certificate is revoked"
                                                      : "says that the responder does not know the certificate";
    else if (OCSP_check_validity(begin, end, 300, -1) != 1)
        problem = "is out of date";
    *seconds_left = -1;
    if (!problem && end && ASN1_TIME_diff(&days, &seconds, NULL, end) == 1) *seconds_left = days * 86400LL + seconds;
    OCSP_BASICRESP_free(basic);
    OCSP_RESPONSE_free(response);
    ERR_clear_error();
    return problem;
}

// MARK: Keys

// OSSL_PARAM arrays are awkward from Swift: the digest's name is fixed here.
static inline int portcullis_mac_init_sha256(EVP_MAC_CTX *context, const unsigned char *key, size_t length) {
    OSSL_PARAM parameters[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, (char *)"SHA256", 0),
        OSSL_PARAM_construct_end(),
    };
    return context ? EVP_MAC_init(context, key, length, parameters) : 0;
}
