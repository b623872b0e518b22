import {
  mountNotice
} from "./shared-FF7UBNFV.js";
import "./shared-HINDIAVO.js";
import "./shared-FPVI63QI.js";
export {
  mountNotice
};
