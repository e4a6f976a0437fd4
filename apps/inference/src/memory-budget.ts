import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { type Bundle, modelError, type ModelHost } from '#libs/model';

/** Memory of a host before it has a model, and times the size of its file that a model takes: for one never opened here. */
const emptyHostBytes = 100 * 1024 ** 2;
const bytesPerFileByte = 2;

export interface OpenWithin<T> {
  /** Hosts that `open` starts. */
  hosts: number;
  /** Calls `hold` with every host, also with those that it starts again later. */
  open: (hold: (host: ModelHost) => void) => Promise<T>;
  /** Ends what may go, the first to go first; false: there is nothing more. */
  makeRoom: () => Promise<boolean>;
}

/** Lets a model be opened only where its hosts fit beside all that there are, whoever started them. */
export class MemoryBudget {
  /** 0: no limit. */
  readonly #bytes: number;
  /** Digest to what one host of it took. */
  readonly #measured = new Map<string, number>();
  /** Those whose processes have not ended. */
  readonly #hosts = new Set<ModelHost>();
  /** For hosts that are being opened. */
  #reserved = 0;
  #spare: () => Promise<boolean> = () => Promise.resolve(false);

  constructor(bytes: number) {
    this.#bytes = bytes;
  }

  /** Who has hosts that are kept for nobody: they go before anything else does. `end` says whether there was one. */
  onShort(end: () => Promise<boolean>): void {
    this.#spare = end;
  }

  /**
   * Opens hosts when there is room for them.
   * @throws TidemillError MODEL_MEMORY, MODEL_TOO_LARGE; what `open` and `makeRoom` throw
   */
  async open<T extends { residentBytes: number }>(
    bundle: Bundle,
    { hosts, open, makeRoom }: OpenWithin<T>,
  ): Promise<T> {
    const bytes = this.#bytes;
    if (bytes === 0) return await open(() => undefined);
    const expectedOfOne = this.#measured.get(bundle.digest) ?? (await guess(bundle));
    const expected = hosts * expectedOfOne;
    if (expected > bytes)
      throw modelError('MODEL_TOO_LARGE', { detail: `${megabytes(expected)} of ${megabytes(bytes)}` });
    while (this.#used() + expected > bytes) {
      if ((await this.#spare()) || (await makeRoom())) continue;
      const figures = `${megabytes(expected)} are needed, ${megabytes(this.#used())} of ${megabytes(bytes)} are in use`;
      throw modelError('MODEL_MEMORY', { detail: figures });
    }
    this.#reserved += expected;
    let missing = hosts;
    const hold = (host: ModelHost) => {
      this.#hosts.add(host);
      void host.exited.then(() => this.#hosts.delete(host));
      if (missing === 0) return;
      missing--;
      this.#reserved -= expectedOfOne;
    };
    try {
      const opened = await open(hold);
      this.#measured.set(bundle.digest, opened.residentBytes / hosts);
      return opened;
    } finally {
      this.#reserved -= missing * expectedOfOne;
      missing = 0;
    }
  }

  #used(): number {
    return [...this.#hosts].reduce((sum, { residentBytes }) => sum + residentBytes, this.#reserved);
  }
}

async function guess({ directory }: Bundle): Promise<number> {
  const { size } = await stat(join(directory, 'model.onnx'));
  return emptyHostBytes + bytesPerFileByte * size;
}

function megabytes(bytes: number): string {
  return `${Math.ceil(bytes / 1024 ** 2)} MB`;
}
