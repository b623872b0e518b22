import {
  handleCallback,
  readArrival
} from "./shared-CWIO5N6V.js";
import "./shared-QUPL2Z4M.js";
import "./shared-X6BDFIB5.js";
import "./shared-OMCUL2HY.js";
import "./shared-HINDIAVO.js";
import "./shared-FJSELP7O.js";
import "./shared-MH75CZ2H.js";
import "./shared-FPVI63QI.js";
export {
  handleCallback,
  readArrival
};
