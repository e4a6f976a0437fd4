import { Body, Controller, Get, HttpCode, Inject, Param, Post } from '@nestjs/common';
import { Problem } from '#libs/http';
import { ArtifactStore, Registry, type RegisteredModel } from '#libs/registry';

@Controller('v1')
class TemporaryController {
  constructor(
    @Inject(Registry) private readonly registry: Registry,
    @Inject(ArtifactStore) private readonly store: ArtifactStore,
  ) {}
  @Get('models') models() {
    return { models: this.registry.models().map(view) };
  }
  @Get('models/:m') model(@Param('m') m: string) {
    const f = this.registry.model(m);
    if (!f) throw new Problem(404, 'no');
    return view(f);
  }
  @Get('runs') runs() {
    return { runs: this.registry.runs() };
  }
  @Post('models/:m/datasets') @HttpCode(200) async datasets(@Param('m') m: string, @Body() body: unknown) {
    const text = Buffer.isBuffer(body) ? body.toString() : typeof body === 'string' ? body : JSON.stringify(body);
    const rows = text
      .split('\n')
      .filter((l) => l !== '')
      .map((l) => JSON.parse(l) as { label: string });
    const digest = await this.store.putBlob(text);
    const labels = [...new Set(rows.map((r) => r.label))].toSorted();
    await this.registry.addDataset({ model: m, digest, texts: rows.length, labels, by: 'x' });
    return { digest, texts: rows.length, labels };
  }
}
function view(m: RegisteredModel) {
  return {
    ...m,
    serving: m.serving && { ...m.serving, since: new Date(m.serving.since).toISOString() },
    versions: m.versions.map((v) => ({ ...v, createdAt: new Date(v.createdAt).toISOString() })),
  };
}
export const registryControllers = [TemporaryController];
