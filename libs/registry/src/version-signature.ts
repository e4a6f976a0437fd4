import { createPrivateKey, createPublicKey, type KeyObject, sign, verify } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { type ModelVersion, topics } from '#libs/events';
import { reasonOf } from '#libs/platform';
import { registryError } from './errors.ts';

/** What a signature is for: no other signed text can be taken for a version event. */
const domain = 'tidemill model-version 1\n';

interface Field {
  name: string;
  default?: unknown;
}

/** Fields of the schema that a record may leave out. */
const defaults = new Map(
  (JSON.parse(topics['model-versions'].schema) as { fields: Field[] }).fields.flatMap((field) =>
    'default' in field ? [[field.name, JSON.stringify(field.default)]] : [],
  ) as [string, string][],
);

/**
 * The bytes that are signed: the event without its signature as canonical JSON (RFC 8785). A field that has its schema's
 * default is left out. So a reader that knows a newer schema sees the same bytes, and one with an older schema, which
 * does not see a field that says something, sees others: it refuses what it would misunderstand.
 */
export function signedBytes(event: ModelVersion): Buffer {
  const { signature: _, ...rest } = event;
  const said = Object.entries(rest).filter(([name, value]) => canonicalJson(value) !== defaults.get(name));
  return Buffer.from(domain + canonicalJson(Object.fromEntries(said)));
}

/** RFC 8785: members sorted by UTF-16 code units, numbers and strings as ECMAScript writes them, no white space. */
function canonicalJson(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join(',')}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  const members = Object.entries(value).toSorted(([a], [b]) => (a < b ? -1 : 1));
  return `{${members.map(([name, member]) => `${JSON.stringify(name)}:${canonicalJson(member)}`).join(',')}}`;
}

/** Signs version events with Ed25519 (RFC 8032). */
export class VersionSigner {
  readonly #key: KeyObject;

  /** @param key PEM (PKCS #8), or the path of a file that holds it. @throws TidemillError SIGNING_KEY_INVALID */
  constructor(key: string) {
    this.#key = readKey(key, createPrivateKey);
  }

  /** The event with its signature, base64. */
  sign(event: ModelVersion): ModelVersion {
    return { ...event, signature: sign(null, signedBytes(event), this.#key).toString('base64') };
  }
}

/** Tells whether a version event was signed with a key that is trusted here. */
export class VersionVerifier {
  readonly #keys: readonly KeyObject[];

  /** @param keys PEM (SPKI, or PKCS #8 of which the public half counts) or paths. @throws TidemillError SIGNING_KEY_INVALID */
  constructor(keys: readonly string[]) {
    this.#keys = keys.map((key) => readKey(key, createPublicKey));
  }

  /** Why the event is not to be believed; undefined: it is. */
  refusal(event: ModelVersion): string | undefined {
    if (event.signature === null) return 'it is not signed';
    const signature = Buffer.from(event.signature, 'base64');
    const signed = signedBytes(event);
    if (this.#keys.some((key) => verify(null, signed, key, signature))) return undefined;
    return 'its signature is of none of the trusted keys, or it was changed after it was signed';
  }
}

function readKey(key: string, create: (pem: string) => KeyObject): KeyObject {
  const where = key.includes('-----BEGIN') ? 'the key' : key;
  try {
    if (!key.includes('-----BEGIN') && !existsSync(key)) throw new Error('there is no such file');
    const read = create(key.includes('-----BEGIN') ? key : readFileSync(key, 'utf8'));
    if (read.asymmetricKeyType !== 'ed25519') throw new Error(`it is a key for ${String(read.asymmetricKeyType)}`);
    return read;
  } catch (cause) {
    throw registryError('SIGNING_KEY_INVALID', { detail: `${where}: ${reasonOf(cause)}`, cause });
  }
}

/** Signer and verifier of a configuration: with a key, everything must be signed. @throws TidemillError SIGNING_KEY_INVALID */
export function versionSigning({ privateKey, publicKeys }: { privateKey: string; publicKeys: readonly string[] }): {
  signer?: VersionSigner;
  verifier?: VersionVerifier;
} {
  const trusted = publicKeys.length === 0 && privateKey !== '' ? [privateKey] : publicKeys;
  return {
    ...(privateKey === '' ? {} : { signer: new VersionSigner(privateKey) }),
    ...(trusted.length === 0 ? {} : { verifier: new VersionVerifier(trusted) }),
  };
}
