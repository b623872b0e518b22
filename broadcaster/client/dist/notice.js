import {
  mountNotice
} from "./shared-QV7N6LTD.js";
import "./shared-FPVI63QI.js";
export {
  mountNotice
};
