// An OpenID provider for tests of single sign-on, on loopback and in memory.
// Whoever signs in is who he says; the login is the subject and the address.
// It prints its issuer when it listens.
import { createServer } from 'node:http';
import Provider from 'oidc-provider';

const server = createServer();
server.listen(0, '127.0.0.1', () => {
  const issuer = `http://127.0.0.1:${server.address().port}`;
  const provider = new Provider(issuer, {
    clients: [{
      client_id: 'trellis',
      client_secret: process.env.CLIENT_SECRET,
      redirect_uris: [process.env.REDIRECT_URI],
    }],
    claims: { openid: ['sub'], email: ['email', 'email_verified'] },
    pkce: { required: () => true },
    findAccount: (_, sub) => ({
      accountId: sub,
      claims: () => ({ sub, email: sub.replace(/^(unverified|other)-/, ''), email_verified: !sub.startsWith('unverified-') }),
    }),
  });
  server.on('request', provider.callback());
  console.log(issuer);
});
// The test that started it is gone when its end of the pipe is.
process.stdin.on('end', () => process.exit(0)).resume();
