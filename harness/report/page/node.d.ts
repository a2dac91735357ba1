declare module "node:*"; // as much of it as the tests need
