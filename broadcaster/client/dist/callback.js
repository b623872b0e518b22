import {
  handleCallback,
  readArrival
} from "./shared-UXLSP2HX.js";
import "./shared-A6S4A7WO.js";
import "./shared-X6BDFIB5.js";
import "./shared-OMCUL2HY.js";
import "./shared-FJSELP7O.js";
import "./shared-MH75CZ2H.js";
import "./shared-FPVI63QI.js";
export {
  handleCallback,
  readArrival
};
