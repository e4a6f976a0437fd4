import { createPublicKey, generateKeyPairSync, sign } from 'node:crypto';
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { ModelVersion } from '#libs/events';
import { signedBytes, versionSigning, VersionSigner, VersionVerifier } from './version-signature.ts';

/** RFC 8032, section 7.1, test 1: the secret key as PKCS #8. */
const rfcKey = [
  '-----BEGIN PRIVATE KEY-----',
  'MC4CAQAwBQYDK2VwBCIEIJ1hsZ3v/VpguoRK9JLsLMREScVpezJpGXA7rAMcrn9g',
  '-----END PRIVATE KEY-----',
].join('\n');
const event: ModelVersion = {
  model: 'news',
  version: 3,
  epoch: 7,
  bundleDigest: 'ab'.repeat(32),
  action: 'promote',
  reason: 'drift: “wararka” €',
  promotedBy: 'policy',
  at: 1_767_600_000_000,
  signature: null,
  revision: 0,
  challengers: [],
};

function keys(): { privateKey: string; publicKey: string } {
  return generateKeyPairSync('ed25519', {
    privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
    publicKeyEncoding: { type: 'spki', format: 'pem' },
  });
}

describe('signatures of version events', () => {
  it('are over canonical JSON without what has its default', () => {
    expect(signedBytes({ ...event, signature: 'anything' }).toString()).toBe(
      `tidemill model-version 1\n{"action":"promote","at":1767600000000,"bundleDigest":"${'ab'.repeat(32)}","epoch":7,"model":"news","promotedBy":"policy","reason":"drift: “wararka” €","version":3}`,
    );
  });

  it('are Ed25519 as OpenSSL and others make them', () => {
    // From `openssl pkeyutl -sign -rawin` over the bytes above with the key of RFC 8032, test 1.
    expect(new VersionSigner(rfcKey).sign(event).signature).toBe(
      '4T8vodWXwJbgkhYfJd8Ob4nZgi1Yg9Unk83DZ5hQgO4iM5Foev10TtJWVEu2qLK3Iw+SlhQsDg0NstrKK/ldAQ==',
    );
  });

  it('hold for the event as it was signed, and for nothing else', () => {
    const { privateKey, publicKey } = keys();
    const verifier = new VersionVerifier([keys().publicKey, publicKey]);
    const signed = new VersionSigner(privateKey).sign(event);
    expect(verifier.refusal(signed)).toBeUndefined();
    const changes: Partial<ModelVersion>[] = [
      { model: 'other' },
      { version: 4 },
      { epoch: 8 },
      { bundleDigest: 'cd'.repeat(32) },
      { action: 'rollback' },
      { reason: '' },
      { promotedBy: 'me' },
      { at: 0 },
      { revision: 1 },
      { challengers: [{ version: 4, bundleDigest: 'ef'.repeat(32), role: 'canary', share: 0.5 }] },
    ];
    const changed = new Set(changes.flatMap((change) => Object.keys(change)));
    expect(changed).toEqual(new Set(Object.keys(event).filter((name) => name !== 'signature')));
    for (const change of changes) expect(verifier.refusal({ ...signed, ...change })).toMatch(/changed after/);
    expect(verifier.refusal(event)).toBe('it is not signed');
    for (const signature of ['', 'AAAA', '%', signed.signature?.slice(4) ?? ''])
      expect(verifier.refusal({ ...event, signature })).toMatch(/none of the trusted keys/);
    expect(new VersionVerifier([keys().publicKey]).refusal(signed)).toMatch(/none of the trusted keys/);
  });

  it('are not taken from another use of the same key', () => {
    const { privateKey, publicKey } = keys();
    const bytes = signedBytes(event).subarray('tidemill model-version 1\n'.length);
    const signature = sign(null, bytes, privateKey).toString('base64');
    expect(new VersionVerifier([publicKey]).refusal({ ...event, signature })).toBeDefined();
  });

  it('are refused when a field says something that this schema does not know', () => {
    const { privateKey, publicKey } = keys();
    const newer = { ...event, quantum: true };
    const signed = new VersionSigner(privateKey).sign(newer);
    const { quantum: _, ...seen } = signed as typeof newer;
    expect(new VersionVerifier([publicKey]).refusal(seen)).toBeDefined();
  });

  it('take keys as PEM or from files, and say what is wrong with another', () => {
    const { privateKey, publicKey } = keys();
    const file = join(mkdtempSync(join(tmpdir(), 'tidemill-keys-')), 'key.pem');
    writeFileSync(file, privateKey);
    expect(new VersionVerifier([publicKey]).refusal(new VersionSigner(file).sign(event))).toBeUndefined();
    expect(() => new VersionSigner('/no/such/key.pem')).toThrow(/no\/such\/key.pem: there is no such file/);
    expect(() => new VersionSigner('-----BEGIN nonsense')).toThrow(/the key: /);
    const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 }).publicKey.export({ type: 'spki', format: 'pem' });
    expect(() => new VersionVerifier([String(rsa)])).toThrow(/it is a key for rsa/);
  });

  it('are demanded once a key is set', () => {
    const { privateKey, publicKey } = keys();
    expect(versionSigning({ privateKey: '', publicKeys: [] })).toEqual({});
    const both = versionSigning({ privateKey, publicKeys: [] });
    expect(both.verifier?.refusal(event)).toBe('it is not signed');
    expect(both.verifier?.refusal(both.signer?.sign(event) ?? event)).toBeUndefined();
    const reader = versionSigning({ privateKey: '', publicKeys: [publicKey] });
    expect([reader.signer, reader.verifier?.refusal(event)]).toEqual([undefined, 'it is not signed']);
    expect(createPublicKey(publicKey).asymmetricKeyType).toBe('ed25519');
  });
});
