import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { Controller, Get, Header, Inject, Param, StreamableFile } from '@nestjs/common';
import { Problem } from '#libs/http';
import type { Bundle } from '#libs/model';
import { ArtifactStore } from '#libs/registry';

/** Bundles by digest, for instances on other machines and for people. Only what a manifest names is ever read. */
@Controller('v1/bundles/:digest')
export class BundlesController {
  constructor(@Inject(ArtifactStore) private readonly store: ArtifactStore) {}

  @Get()
  async files(@Param('digest') digest: string) {
    const bundle = await this.#bundle(digest);
    const files = Object.entries(bundle.files).map(async ([path, sha256]) => {
      const { size } = await stat(join(bundle.directory, path));
      return { path, sha256, bytes: size };
    });
    return { digest, files: await Promise.all(files) };
  }

  @Get(':file')
  @Header('cache-control', 'public, max-age=31536000, immutable')
  async file(@Param('digest') digest: string, @Param('file') file: string) {
    const bundle = await this.#bundle(digest);
    if (!Object.hasOwn(bundle.files, file))
      throw new Problem(404, `the bundle has no file ${JSON.stringify(file)}`, { known: Object.keys(bundle.files) });
    return new StreamableFile(createReadStream(join(bundle.directory, file)));
  }

  async #bundle(digest: string): Promise<Bundle> {
    const bundle = await this.store.bundle(digest);
    if (bundle === undefined) throw new Problem(404, `no bundle ${JSON.stringify(digest)}`);
    return bundle;
  }
}
