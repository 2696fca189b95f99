import type { Request } from 'express';
import { streamSse } from 'sse-trigger';
import type { Page, Parts } from './parts.ts';

/** A table of a database. */
const stock = new Map([['lamp', 3]]);

/** UPDATE products SET stock = stock - 1 WHERE id = $1 AND stock > 0 */
async function take(id: string): Promise<boolean> {
  const left = stock.get(id) ?? 0;
  if (left > 0) stock.set(id, left - 1);
  return left > 0;
}

function requireProduct(id: string): string {
  if (stock.has(id)) return id;
  throw Object.assign(new Error('There is no such product.'), { status: 404 });
}

export function productStock({ app, trigger }: Parts): void {
  app.post('/products/:id/orders', async (req: Request<{ id: string }>, res) => {
    const { id } = req.params;
    const isSold = await trigger.pushAfter(async () => {   // around the transaction
      const isSold = await take(id);
      if (isSold) trigger.push(`stock:${id}`);
      return isSold;
    });
    res.sendStatus(isSold ? 201 : 409);
  });

  app.get('/products/:id/stock/stream', streamSse(trigger, {
    subject: (req: Request<{ id: string }>) => requireProduct(req.params.id),
    key: (id) => `stock:${id}`,
    data: async (id) => ({ left: stock.get(id) ?? 0 }),
    eventName: 'stock',
    maxPerViewer: Infinity,   // without a viewer, the 10 would be those of a product
  }));
}

export function stockPage({ EventSource, show }: Page): void {
  new EventSource('/products/lamp/stock/stream').addEventListener('stock', ({ data }) => show(JSON.parse(data)));
}
