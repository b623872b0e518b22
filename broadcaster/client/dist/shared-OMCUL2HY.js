// src/errors.ts
var KeyturnError = class extends Error {
  code;
  constructor(code, message) {
    super(message);
    this.name = "KeyturnError";
    this.code = code;
  }
};

export {
  KeyturnError
};
