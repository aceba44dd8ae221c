import { z } from 'zod';
import { parseDuration } from './duration.js';
import { errorMessage } from './errors.js';

/** Go's names (crypto/tls, `ClientAuthType`). */
const CLIENT_AUTH_TYPES = [
  'NoClientCert',
  'RequestClientCert',
  'RequireAnyClientCert',
  'VerifyClientCertIfGiven',
  'RequireAndVerifyClientCert',
] as const;
export type ClientAuthType = (typeof CLIENT_AUTH_TYPES)[number];

/** OpenSSL's names of the secure TLS 1.2 suites of crypto/tls (`CipherSuites`). */
export const CIPHERS = {
  TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256: 'ECDHE-ECDSA-AES128-GCM-SHA256',
  TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384: 'ECDHE-ECDSA-AES256-GCM-SHA384',
  TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256: 'ECDHE-ECDSA-CHACHA20-POLY1305',
  TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA: 'ECDHE-ECDSA-AES128-SHA',
  TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA: 'ECDHE-ECDSA-AES256-SHA',
  TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256: 'ECDHE-RSA-AES128-GCM-SHA256',
  TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384: 'ECDHE-RSA-AES256-GCM-SHA384',
  TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256: 'ECDHE-RSA-CHACHA20-POLY1305',
  TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA: 'ECDHE-RSA-AES128-SHA',
  TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA: 'ECDHE-RSA-AES256-SHA',
} as const;
/** TLS 1.3 suites may be listed, too; as in Go, all of them are always offered. */
export const TLS13_CIPHERS = [
  'TLS_AES_128_GCM_SHA256',
  'TLS_AES_256_GCM_SHA384',
  'TLS_CHACHA20_POLY1305_SHA256',
] as const;
export const CURVES = {
  CurveP256: 'prime256v1',
  CurveP384: 'secp384r1',
  CurveP521: 'secp521r1',
  X25519: 'X25519',
} as const;
export const VERSIONS = { TLS10: 'TLSv1', TLS11: 'TLSv1.1', TLS12: 'TLSv1.2', TLS13: 'TLSv1.3' } as const;

const BCRYPT = /^\$2[aby]\$(0[4-9]|[12]\d|3[01])\$[./A-Za-z0-9]{53}$/;

function keysOf<K extends string>(table: Readonly<Record<K, string>>): [K, ...K[]] {
  return Object.keys(table) as [K, ...K[]];
}

const text = z.string().min(1).optional();
const version = z.enum(keysOf(VERSIONS));

const tls = z.strictObject({
  cert: text,
  key: text,
  client_ca: text,
  cert_file: text,
  key_file: text,
  client_ca_file: text,
  client_auth_type: z
    .enum([...CLIENT_AUTH_TYPES, 'RequireClientCert'])
    .default('NoClientCert')
    // The name in early versions of the format.
    .transform((type) => (type === 'RequireClientCert' ? 'RequireAnyClientCert' : type)),
  client_allowed_sans: z.array(z.string()).optional(),
  min_version: version.default('TLS12'),
  max_version: version.default('TLS13'),
  cipher_suites: z.array(z.enum([...keysOf(CIPHERS), ...TLS13_CIPHERS])).default([]),
  prefer_server_cipher_suites: z.boolean().default(true),
  curve_preferences: z.array(z.enum(keysOf(CURVES))).default([]),
});
export type TlsServerConfig = z.infer<typeof tls>;

const headers = z.strictObject({
  'Content-Security-Policy': z.string().optional(),
  'X-Frame-Options': z.enum(['deny', 'sameorigin', '']).optional(),
  'X-Content-Type-Options': z.enum(['nosniff', '']).optional(),
  'X-XSS-Protection': z.string().optional(),
  'Strict-Transport-Security': z.string().optional(),
});

/** YAML reads a `0` without a unit as a number. */
const duration = z.union([z.string(), z.number()]).transform((written, context) => {
  try {
    return parseDuration(String(written));
  } catch (error) {
    context.addIssue({ code: 'custom', message: errorMessage(error) });
    return z.NEVER;
  }
});

/** The whole format; an empty section counts as absent. */
export const webConfigSchema = z.strictObject({
  tls_server_config: tls.nullish(),
  http_server_config: z
    .strictObject({
      // The server speaks HTTP/1.1 only, to which HTTP/2 clients fall back.
      http2: z.boolean().optional(),
      headers: headers.nullish(),
    })
    .nullish(),
  basic_auth_users: z
    .record(
      z.string().min(1),
      z.string().regex(BCRYPT, 'not a bcrypt hash; make one with htpasswd -nBC 10 ""'),
    )
    .nullish(),
  rate_limit: z
    .strictObject({ interval: duration.default(0), burst: z.int().positive().default(1) })
    .nullish(),
});
