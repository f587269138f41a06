// The guard that lets in the gateway's requests and no others. It belongs before every route that the gateway calls:
// who can reach an unguarded one can say anything in the name of any client.

import { createHmac, timingSafeEqual } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { CanActivate, ConflictException, ExecutionContext, Injectable, UnauthorizedException } from '@nestjs/common';

/** A request whose body has been read as it came. */
type Request = IncomingMessage & { body: unknown };

/** How far the gateway's clock and this one may differ, in seconds. */
const SKEW = 300;

@Injectable()
export class FromGateway implements CanActivate {
  private readonly secret = process.env.BACKEND_SECRET;
  private readonly seen = new Seen(2 * SKEW * 1000);

  constructor() {
    if (!this.secret) throw new Error('BACKEND_SECRET is not set: anybody could sign');
  }

  canActivate(context: ExecutionContext): boolean {
    const request = context.switchToHttp().getRequest<Request>();
    const [time, ...signatures] = String(request.headers['gateway-signature']).split(',');
    const stamp = /^t=(\d{1,12})$/.exec(time)?.[1];
    if (!stamp || Math.abs(Date.now() / 1000 - Number(stamp)) > SKEW) throw new UnauthorizedException();
    const expected = this.sign(stamp, request);
    // While a secret is replaced there are two signatures, of which one is enough.
    if (!signatures.some((s) => s.startsWith('v1=') && equal(s.slice(3), expected))) throw new UnauthorizedException();
    if (!this.seen.add(String(request.headers['ce-id']))) throw new ConflictException('this request has come before');
    return true;
  }

  /** What is signed: the time, the ce- headers by name, the content type, an empty line, the body. */
  private sign(stamp: string, request: Request): string {
    const hmac = createHmac('sha256', this.secret!).update(`${stamp}\n`);
    for (const name of Object.keys(request.headers).filter((name) => name.startsWith('ce-')).sort()) {
      hmac.update(`${name}:${String(request.headers[name])}\n`);
    }
    hmac.update(`content-type:${request.headers['content-type'] ?? ''}\n\n`);
    return hmac.update(Buffer.isBuffer(request.body) ? request.body : Buffer.alloc(0)).digest('hex');
  }
}

function equal(a: string, b: string): boolean {
  const [x, y] = [Buffer.from(a), Buffer.from(b)];
  return x.length === y.length && timingSafeEqual(x, y); // the length is no secret
}

/** The ids of the last while. What is older is refused for its time. Several processes would need one in common. */
class Seen {
  private now = new Set<string>();
  private before = new Set<string>();
  private turned = Date.now();

  constructor(private readonly life: number) {}

  /** Reports whether the id is new. */
  add(id: string): boolean {
    if (Date.now() - this.turned > this.life) {
      [this.before, this.now, this.turned] = [this.now, new Set(), Date.now()];
    }
    if (this.now.has(id) || this.before.has(id)) return false;
    this.now.add(id);
    return true;
  }
}
