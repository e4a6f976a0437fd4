import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { type Bundle, modelError } from '#libs/model';

/** Memory of a host before it has a model, and times the size of its file that a model takes: for one never opened here. */
const emptyHostBytes = 100 * 1024 ** 2;
const bytesPerFileByte = 2;

export interface MemoryBudgetOptions {
  /** 0: no limit. */
  bytes: number;
  /** Memory of all hosts there are. */
  used: () => number;
}

export interface OpenWithin<T> {
  /** Hosts that `open` starts. */
  hosts: number;
  open: () => Promise<T>;
  /** Ends what may go, the first to go first; false: there is nothing more. */
  makeRoom: () => Promise<boolean>;
}

/** Lets a model be opened only where its hosts fit beside those that are in use. */
export class MemoryBudget {
  readonly #options: MemoryBudgetOptions;
  /** Digest to what one host of it took. */
  readonly #measured = new Map<string, number>();
  /** Of models that are being opened. */
  #reserved = 0;

  constructor(options: MemoryBudgetOptions) {
    this.#options = options;
  }

  /**
   * Opens hosts when there is room for them.
   * @throws TidemillError MODEL_MEMORY, MODEL_TOO_LARGE; what `open` throws
   */
  async open<T extends { residentBytes: number }>(
    bundle: Bundle,
    { hosts, open, makeRoom }: OpenWithin<T>,
  ): Promise<T> {
    const { bytes, used } = this.#options;
    if (bytes === 0) return await open();
    const expected = hosts * (this.#measured.get(bundle.digest) ?? (await guess(bundle)));
    if (expected > bytes)
      throw modelError('MODEL_TOO_LARGE', { detail: `${megabytes(expected)} of ${megabytes(bytes)}` });
    const missing = () => used() + this.#reserved + expected - bytes;
    while (missing() > 0) {
      if (await makeRoom()) continue;
      const figures = `${megabytes(expected)} are needed, ${megabytes(used() + this.#reserved)} of ${megabytes(bytes)} are in use`;
      throw modelError('MODEL_MEMORY', { detail: figures });
    }
    this.#reserved += expected;
    try {
      const opened = await open();
      this.#measured.set(bundle.digest, opened.residentBytes / hosts);
      return opened;
    } finally {
      this.#reserved -= expected;
    }
  }
}

async function guess({ directory }: Bundle): Promise<number> {
  const { size } = await stat(join(directory, 'model.onnx'));
  return emptyHostBytes + bytesPerFileByte * size;
}

function megabytes(bytes: number): string {
  return `${Math.ceil(bytes / 1024 ** 2)} MB`;
}
