import { defineErrors } from '#libs/platform';

/** Errors of this lib; docs/errors.md is checked against the table. */
export const registryError = defineErrors({
  ILLEGAL_TRANSITION: { message: 'the registry does not allow this', retriable: false },
  REGISTRY_CONFLICT: {
    message: 'another writer decided something else first; look at the registry again and repeat',
    retriable: true,
  },
  REGISTRY_CLOSED: { message: 'the registry is closed', retriable: true },
  UNKNOWN_MODEL: { message: 'the registry has no such model', retriable: false },
  UNKNOWN_VERSION: { message: 'the model has no such version', retriable: false },
  UNKNOWN_RUN: { message: 'the registry has no such run', retriable: false },
  ARTIFACT_MISSING: { message: 'the artifact store has no such artifact', retriable: false },
  BUNDLE_UNAVAILABLE: { message: 'the bundle cannot be fetched from the registry now', retriable: true },
  SIGNING_KEY_INVALID: { message: 'a key for version events is not an Ed25519 key in PEM', retriable: false },
  ARCHIVE_INVALID: { message: 'the tar archive is not a model bundle', retriable: false },
});
