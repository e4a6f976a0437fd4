import { createReadStream } from 'node:fs';
import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { Controller, Get, Header, Inject, Param, StreamableFile } from '@nestjs/common';
import { Problem } from '#libs/http';
import { parseManifest } from '#libs/model';
import { ArtifactStore } from '#libs/registry';

/** Bundles by digest, for instances on other machines and for people. Only what a manifest names is ever read. */
@Controller('v1/bundles/:digest')
export class BundlesController {
  constructor(@Inject(ArtifactStore) private readonly store: ArtifactStore) {}

  @Get()
  async files(@Param('digest') digest: string) {
    const bundle = await this.store.bundle(digest);
    if (bundle === undefined) throw unknownBundle(digest);
    const files = Object.entries(bundle.files).map(async ([path, sha256]) => {
      const { size } = await stat(join(bundle.directory, path));
      return { path, sha256, bytes: size };
    });
    return { digest, files: await Promise.all(files) };
  }

  /** Not verified again at every file: who fetches knows its sha256 from the list, or from the manifest. */
  @Get(':file')
  @Header('cache-control', 'public, max-age=31536000, immutable')
  async file(@Param('digest') digest: string, @Param('file') file: string) {
    const directory = this.store.bundleDirectory(digest);
    if (directory === undefined) throw unknownBundle(digest);
    const manifest = parseManifest(await readFile(join(directory, 'manifest.json'), 'utf8'));
    const known = ['manifest.json', ...Object.keys(manifest.files)];
    if (!known.includes(file)) throw new Problem(404, `the bundle has no file ${JSON.stringify(file)}`, { known });
    return new StreamableFile(createReadStream(join(directory, file)));
  }
}

function unknownBundle(digest: string): Problem {
  return new Problem(404, `no bundle ${JSON.stringify(digest)}`);
}
